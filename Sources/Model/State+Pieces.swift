// A session's state as pieces of memory, for copies, marks and snapshots. The order of the pieces and
// the bytes of each depend on the model, the cache's format and the tokens read; where they lie does
// not matter, so the pieces of two states pair up whatever their contexts are.
//
//     recurrent | history | one piece per layer: the cache rows of the tokens read

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension SessionState {
  package struct Piece: BitwiseCopyable {
    package var start: UnsafeMutableRawPointer
    package var bytes: Int
  }

  /// Pieces that do not grow with the text come first.
  package static var fixedPieces: Int { 2 }

  package static func pieceCount(_ layers: Buffer<Layer>) -> Int { fixedPieces + layers.count }

  package func piece(_ i: Int, _ layers: Buffer<Layer>, tokens: Int) -> Piece {
    switch i {
    case 0: Piece(start: UnsafeMutableRawPointer(recurrent.base), bytes: recurrent.bytes.count)
    case 1: Piece(start: UnsafeMutableRawPointer(history.base), bytes: history.bytes.count)
    default: cachePiece(layers[i - SessionState.fixedPieces], tokens)
    }
  }

  private func cachePiece(_ layer: Layer, _ tokens: Int) -> Piece {
    let start = cacheFormat.rowBytes(layer.cacheStart) * context
    return Piece(
      start: UnsafeMutableRawPointer(cache + start),
      bytes: cacheFormat.rowBytes(layer.mixer.cacheWidth) * tokens)
  }

  /// The bytes of all pieces.
  package func pieceBytes(_ d: Dimensions, tokens: Int) -> Int {
    recurrent.bytes.count + history.bytes.count + cacheFormat.rowBytes(d.cacheFloats) * tokens
  }
}

extension Mixer {
  /// Cached elements per position.
  package var cacheWidth: Int {
    switch self {
    case .delta, .polar: 0
    case .latent(let m): m.cacheWidth
    case .gated(let m): m.cacheWidth
    }
  }
}
