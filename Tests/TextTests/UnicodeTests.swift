import Foundation
import LintelCore
import Testing

import LintelText

func bytes(hex: Substring) -> [UInt8] {
  let digits = Array(hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// Lines of a fixture file, and of a larger one in $LINTEL_TEXT_FIXTURES if that is set.
func lines(_ name: String) throws -> [[Substring]] {
  var folders = [Fixtures.folders[0]]
  if let more = ProcessInfo.processInfo.environment["LINTEL_TEXT_FIXTURES"] { folders.append(more) }
  return try folders.flatMap { folder in
    try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: " ") }
  }
}

func normalized(_ text: [UInt8]) -> [UInt8] {
  text.withBytes { bytes in
    let out = buffer(UInt8.self, 4)
    defer { free(out) }
    var normalizer = Normalizer(TextParts(Bytes(""), bytes, Bytes("")), isActive: true)
    var result: [UInt8] = []
    while let scalar = normalizer.next() {
      let n = Utf8.encode(scalar, into: out, at: 0)
      result.append(contentsOf: (0..<n).map { out[$0] })
    }
    #expect(normalizer.isAtEnd)
    return result
  }
}

@Test func normalizationEqualsTheReference() throws {
  for line in try lines("nfc.txt") {
    let text = bytes(hex: line[0])
    let expected = bytes(hex: line[1])
    #expect(normalized(text) == expected, "\(line[0])")
    #expect(normalized(expected) == expected)
    if text.withBytes({ Normalization.isCertainlyNormal($0) }) { #expect(text == expected) }
  }
}

/// A million marks in every class, in constant memory; sorted by class, stable, nothing lost.
@Test func hugeBlocksOfMarksAreSorted() {
  var noise = Noise(5)
  let marks: [UInt32] = [0x301, 0x316, 0x345, 0x5B0, 0x64B, 0x3099, 0x94D, 0x334]
  var scalars: [UInt32] = [0x61]
  for _ in 0..<20_000 { scalars.append(marks[noise.below(marks.count)]) }
  let text = String(String.UnicodeScalarView(scalars.compactMap { Unicode.Scalar($0) }))
  #expect(normalized(Array(text.utf8)) == Array(text.precomposedStringWithCanonicalMapping.utf8))
}

@Test func piecesEqualTheRegularExpressions() throws {
  let pre: [PreTokenizer] = [.kimiK2, .qwen35, .qwen2]
  for line in try lines("pieces.txt") {
    let text = bytes(hex: line[0])
    for (k, pre) in pre.enumerated() {
      let ends: [Int] = text.withBytes { bytes in
        var scanner = Scanner(bytes)
        var ends: [Int] = []
        while scanner.start < bytes.count {
          scanner.start = pre.pieceEnd(&scanner)
          ends.append(scanner.start)
        }
        return ends
      }
      #expect(ends == line[k + 1].split(separator: ",").compactMap { Int($0) }, "\(pre) \(line[0])")
    }
  }
}

/// A piece is taken from a window only if the scanner did not see the window's end: then more text
/// must not change it.
@Test func moreTextDoesNotChangeAPieceThatIsFinal() throws {
  let pre: [PreTokenizer] = [.kimiK2, .qwen35, .qwen2]
  for line in try lines("pieces.txt").prefix(400) {
    let text = bytes(hex: line[0])
    for (k, pre) in pre.enumerated() {
      let first = Int(line[k + 1].split(separator: ",")[0]) ?? 0
      for cut in 1...text.count {
        if Array(text[..<cut]).withBytes({ Utf8.firstInvalid($0) }) != nil { continue }
        Array(text[..<cut]).withBytes { bytes in
          var scanner = Scanner(bytes)
          let end = pre.pieceEnd(&scanner)
          if !scanner.sawEnd { #expect(end == first, "\(pre) \(line[0]) cut at \(cut)") }
        }
      }
    }
  }
}
