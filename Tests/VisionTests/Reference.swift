// Slow and obvious: every kernel of an image network in Double, from its definition.

import Foundation

struct Generator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func bits() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  /// -1 ..< 1
  mutating func unit() -> Float { Float(Int64(bits() >> 40) - (1 << 23)) / Float(1 << 23) }
  mutating func units(_ count: Int, _ scale: Float = 1) -> [Float] {
    (0..<count).map { _ in unit() * scale }
  }
}

enum Reference {
  static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }

  static func layerNorm(_ x: [Float], _ w: [Float], _ b: [Float], _ epsilon: Double) -> [Double] {
    let mean = x.reduce(0.0) { $0 + Double($1) } / Double(x.count)
    let variance = x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      / Double(x.count)
    return x.indices.map {
      (Double(x[$0]) - mean) / (variance + epsilon).squareRoot() * Double(w[$0]) + Double(b[$0])
    }
  }

  /// The stacked form of the paper, of one head: q, k, v `[tokens][width]`, p `[width]`.
  static func polar(
    _ q: [[Double]], _ k: [[Double]], _ v: [[Double]], _ p: [Double]
  ) -> [[Double]] {
    let width = p.count
    func features(_ x: [Double], _ sign: Double) -> [Double] {
      x.indices.map { pow(max(sign * x[$0], 0), p[$0]) }
    }
    let keys = k.map { features($0, 1) + features($0, -1) }
    func read(_ stacked: [Double], _ columns: Range<Int>) -> [Double] {
      let weights = keys.map { key in zip(stacked, key).reduce(0) { $0 + $1.0 * $1.1 } }
      let mean = weights.reduce(0, +) / Double(k.count) + 1e-6
      return columns.map { j in
        v.indices.reduce(0) { $0 + weights[$1] * v[$1][j] } / Double(k.count) / mean
      }
    }
    return q.map { x in
      read(features(x, 1) + features(x, -1), 0..<width / 2)
        + read(features(x, -1) + features(x, 1), width / 2..<width)
    }
  }

  /// x `[height][width][channels]` flattened, w `[kernel, kernel, channels]`.
  static func depthwise(
    _ x: [Float], _ height: Int, _ width: Int, _ channels: Int, _ w: [Float], _ b: [Float],
    _ kernel: Int
  ) -> [Double] {
    var y = [Double](repeating: 0, count: x.count)
    for r in 0..<height {
      for c in 0..<width {
        for i in 0..<channels {
          var sum = Double(b[i])
          for a in 0..<kernel {
            for e in 0..<kernel {
              let (n, m) = (r + a - kernel / 2, c + e - kernel / 2)
              if n < 0 || m < 0 || n >= height || m >= width { continue }
              sum += Double(w[(a * kernel + e) * channels + i])
                * Double(x[(n * width + m) * channels + i])
            }
          }
          y[(r * width + c) * channels + i] = sum
        }
      }
    }
    return y
  }

  /// qkv `[height * width][3 * heads * d]`, bias `[heads][2 side - 1][2 side - 1]`; the grid is really
  /// rolled, and rolled back.
  static func windows(
    _ qkv: [Float], _ height: Int, _ width: Int, _ heads: Int, _ d: Int, _ side: Int, _ shift: Int,
    _ bias: [Float]
  ) -> [Double] {
    let c = heads * d
    var out = [Double](repeating: 0, count: height * width * c)
    func source(_ y: Int, _ x: Int) -> Int {
      (y + shift) % height * width + (x + shift) % width
    }
    func part(_ p: Int, _ extent: Int) -> Int {
      p < extent - side ? 0 : p < extent - shift ? 1 : 2
    }
    for y in 0..<height {
      for x in 0..<width {
        for h in 0..<heads {
          var scores: [Double] = []
          var at: [Int] = []
          for v in (y / side * side)..<(y / side * side + side) {
            for u in (x / side * side)..<(x / side * side + side) {
              var s = 0.0
              for i in 0..<d {
                s += Double(qkv[source(y, x) * 3 * c + h * d + i])
                  * Double(qkv[source(v, u) * 3 * c + c + h * d + i])
              }
              s /= Double(d).squareRoot()
              s += Double(
                bias[(h * (2 * side - 1) + v - y + side - 1) * (2 * side - 1) + u - x + side - 1])
              if shift > 0
                && (part(y, height) != part(v, height) || part(x, width) != part(u, width))
              {
                s -= 100
              }
              scores.append(s)
              at.append(source(v, u))
            }
          }
          let top = scores.max() ?? 0
          let e = scores.map { exp($0 - top) }
          let sum = e.reduce(0, +)
          for i in 0..<d {
            out[source(y, x) * c + h * d + i] =
              e.indices.reduce(0) { $0 + e[$1] * Double(qkv[at[$1] * 3 * c + 2 * c + h * d + i]) }
              / sum
          }
        }
      }
    }
    return out
  }

  /// One channel of a square grid sampled at (y, x) of another size.
  static func sample(
    _ grid: [Double], _ side: Int, _ y: Int, _ height: Int, _ x: Int, _ width: Int, cubic: Bool
  ) -> Double {
    func weights(_ i: Int, _ count: Int) -> [(Int, Double)] {
      let place = (Double(i) + 0.5) * Double(side) / Double(count) - 0.5
      if !cubic {
        let p = max(place, 0)
        let f = min(Int(p), side - 1)
        return [(f, 1 - (p - Double(f))), (min(f + 1, side - 1), p - Double(f))]
      }
      let a = -0.75
      return (-1...2).map { k in
        let n = Int(place.rounded(.down)) + k
        let t = abs(place - Double(n))
        let w =
          t <= 1
          ? (a + 2) * t * t * t - (a + 3) * t * t + 1
          : a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a
        return (min(max(n, 0), side - 1), w)
      }
    }
    var sum = 0.0
    for (r, v) in weights(y, height) {
      for (c, u) in weights(x, width) { sum += v * u * grid[r * side + c] }
    }
    return sum
  }

  /// A picture's channel resized with the stretched cubic kernel, both directions at once.
  static func resize(
    _ pixels: [UInt8], _ sourceWidth: Int, _ sourceHeight: Int, _ channel: Int, _ r: Int,
    _ height: Int, _ c: Int, _ width: Int
  ) -> Double {
    func weights(_ i: Int, _ count: Int, _ extent: Int) -> [(Int, Double)] {
      let scale = Double(extent) / Double(count)
      let stretch = max(scale, 1)
      let center = (Double(i) + 0.5) * scale
      var list: [(Int, Double)] = []
      for n in 0..<extent {
        let t = abs(Double(n) + 0.5 - center) / stretch
        let a = -0.5
        if t < 1 {
          list.append((n, (a + 2) * t * t * t - (a + 3) * t * t + 1))
        } else if t < 2 {
          list.append((n, a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a))
        }
      }
      let sum = list.reduce(0) { $0 + $1.1 }
      return list.map { ($0.0, $0.1 / sum) }
    }
    var total = 0.0
    for (v, a) in weights(r, height, sourceHeight) {
      for (u, b) in weights(c, width, sourceWidth) {
        total += a * b * Double(pixels[3 * (v * sourceWidth + u) + channel])
      }
    }
    return total
  }
}
