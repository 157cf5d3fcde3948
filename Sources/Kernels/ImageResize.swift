// Pixels to the network's input: resized, in floats, and normalised per channel.
//
//     y[r, c, i] = (Σ_v Σ_u a[r, v] b[c, u] x[v, u, i] / 255 - mean[i]) / deviation[i]
//
// The weights are those of the cubic kernel with a = -1/2, stretched by the scale where the image
// shrinks so that every pixel counts, cut at the image's edges and normalised to 1: what PIL calls
// BICUBIC, without its rounding to bytes between the two directions.
//
// Source rows pass by once: each is resized across and added to the rows that it is part of. Threads
// share the rows of the result; each element is one chain over the source rows in order.

import CPlatform
import LintelCore

package struct ImageResizeJob: ParallelJob {
  /// RGB, 8 bits each, row v at v * strideBytes.
  let pixels: UnsafePointer<UInt8>
  let strideBytes: Int
  let sourceWidth: Int
  let sourceHeight: Int
  /// `[height, width, 3]`
  let output: Floats
  let height: Int
  let width: Int
  /// Source pixels per result pixel, and where the result begins in the source.
  let scaleX: Double
  let scaleY: Double
  let startX: Double
  let startY: Double
  /// value * factor + offset
  let factor: SIMD4<Float>
  let offset: SIMD4<Float>
  /// Of each column: where its weights begin, and how many there are.
  let firsts: UnsafeMutablePointer<Int32>
  let counts: UnsafeMutablePointer<Int32>
  /// `[width, tapsMax(scaleX)]`
  let weights: Floats
  let taps: Int
  /// 3 * width floats per part.
  let rows: Floats

  /// Weights of one column at the most.
  package static func tapsMax(_ scale: Double) -> Int { Int(4 * max(scale, 1)) + 3 }

  /// Floats of the table for images up to `sideMax` wide.
  package static func tableFloats(width: Int, sideMax: Int) -> Int { 4 * sideMax + 7 * width }

  package init(
    pixels: UnsafePointer<UInt8>, strideBytes: Int, sourceWidth: Int, sourceHeight: Int,
    output: Floats, height: Int, width: Int, scaleX: Double, scaleY: Double, startX: Double,
    startY: Double, mean: SIMD4<Float>, deviation: SIMD4<Float>,
    firsts: UnsafeMutablePointer<Int32>, counts: UnsafeMutablePointer<Int32>, weights: Floats,
    rows: Floats
  ) {
    self.pixels = pixels
    self.strideBytes = strideBytes
    self.sourceWidth = sourceWidth
    self.sourceHeight = sourceHeight
    self.output = output
    self.height = height
    self.width = width
    self.scaleX = scaleX
    self.scaleY = scaleY
    self.startX = startX
    self.startY = startY
    factor = 1 / (255 * deviation)
    offset = -mean / deviation
    self.firsts = firsts
    self.counts = counts
    self.weights = weights
    taps = ImageResizeJob.tapsMax(scaleX)
    self.rows = rows
  }

  package static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: ImageResizeJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  /// Fills the table of weights across; before the job runs.
  package func prepare() {
    for c in 0..<width {
      let w = weights + c * taps
      let (first, count) = ImageResizeJob.reach(c, scaleX, startX, sourceWidth)
      var sum = 0.0
      for k in 0..<count {
        sum += ImageResizeJob.weight(c, first + k, scaleX, startX)
      }
      for k in 0..<count {
        w[k] = Float(ImageResizeJob.weight(c, first + k, scaleX, startX) / sum)
      }
      firsts[c] = Int32(first)
      counts[c] = Int32(count)
    }
  }

  /// The source places that count for result place i; at least one.
  private static func reach(
    _ i: Int, _ scale: Double, _ start: Double, _ extent: Int
  ) -> (first: Int, count: Int) {
    let center = start + (Double(i) + 0.5) * scale
    let support = 2 * max(scale, 1)
    let first = min(max(Int((center - support + 0.5).rounded(.down)), 0), extent - 1)
    let end = min(max(Int((center + support + 0.5).rounded(.down)), first + 1), extent)
    return (first, min(end - first, tapsMax(scale)))
  }

  private static func weight(_ i: Int, _ place: Int, _ scale: Double, _ start: Double) -> Double {
    let center = start + (Double(i) + 0.5) * scale
    let x = abs((Double(place) + 0.5 - center) / max(scale, 1))
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    if x < 2 { return ((-0.5 * x + 2.5) * x - 4) * x + 2 }
    return 0
  }

  package func run(part: Int, parts: Int) {
    let mine = share(height, part: part, parts: parts)
    if mine.isEmpty { return }
    for i in 0..<(mine.count * width * 3) { output[mine.lowerBound * width * 3 + i] = 0 }
    let row = rows + part * 3 * width
    let from = ImageResizeJob.reach(mine.lowerBound, scaleY, startY, sourceHeight).first
    let (last, count) = ImageResizeJob.reach(
      mine.upperBound - 1, scaleY, startY, sourceHeight)
    // The first result row that may still want the source row.
    var open = mine.lowerBound
    for v in from..<(last + count) {
      across(v, row)
      var r = open
      while r < mine.upperBound {
        let (first, count) = ImageResizeJob.reach(r, scaleY, startY, sourceHeight)
        if first > v { break }
        if v >= first + count {
          if r == open { open += 1 }
        } else {
          Gate.addScaled(
            output + r * width * 3, row, down(r, v, first, count), 3 * width)
        }
        r += 1
      }
    }
    normalise(mine)
  }

  private func down(_ r: Int, _ v: Int, _ first: Int, _ count: Int) -> Float {
    var sum = 0.0
    for k in 0..<count { sum += ImageResizeJob.weight(r, first + k, scaleY, startY) }
    return Float(ImageResizeJob.weight(r, v, scaleY, startY) / sum)
  }

  private func across(_ v: Int, _ row: Floats) {
    let line = pixels + v * strideBytes
    for c in 0..<width {
      let w = weights + c * taps
      var p = line + 3 * Int(firsts[c])
      var sum = SIMD4<Float>(repeating: 0)
      for k in 0..<Int(counts[c]) {
        let x = SIMD4<Float>(Float(p[0]), Float(p[1]), Float(p[2]), 0)
        sum = sum.addingProduct(x, SIMD4(repeating: w[k]))
        p += 3
      }
      row[3 * c] = sum[0]
      row[3 * c + 1] = sum[1]
      row[3 * c + 2] = sum[2]
    }
  }

  private func normalise(_ mine: Range<Int>) {
    for i in (mine.lowerBound * width)..<(mine.upperBound * width) {
      let p = output + 3 * i
      for k in 0..<3 { p[k] = p[k] * factor[k] + offset[k] }
    }
  }
}
