// A convolution of each channel with its own square kernel over a grid of tokens, zeros outside.
//
//     y[(r, c), i] = y[(r, c), i] + b[i] + Σ_(a, e) w[(a, e), i] x[(r + a - k/2, c + e - k/2), i]
//
// - Shapes: x `[height * width, inputStride]`, w `[kernel², channels]`, b `[channels]`.
// - Order:  the bias, then one chain over the kernel's places in order, those outside left out; then y.

import CPlatform
import LintelCore

package struct DepthwiseConvolution: BitwiseCopyable {
  let input: Floats
  let inputStride: Int
  let height: Int
  let width: Int
  package let channels: Int
  let kernel: Int
  let weights: ConstFloats
  let bias: ConstFloats

  /// `channels` is a multiple of 8, `kernel` odd.
  package init(
    input: Floats, inputStride: Int, height: Int, width: Int, channels: Int, kernel: Int,
    weights: ConstFloats, bias: ConstFloats
  ) {
    self.input = input
    self.inputStride = inputStride
    self.height = height
    self.width = width
    self.channels = channels
    self.kernel = kernel
    self.weights = weights
    self.bias = bias
  }

  /// Columns `from ..< to` of row r; `first` is the input's first channel, y that of column `from`.
  package func add(
    row r: Int, _ from: Int, _ to: Int, first: Int, into y: Floats, _ outputStride: Int
  ) {
    let reach = kernel / 2
    let rows = max(r - reach, 0)..<min(r + reach + 1, height)
    var i = 0
    while i < channels {
      var c = from
      while c < to {
        let p = y + (c - from) * outputStride + i
        if c >= reach && c + 4 + reach <= width && c + 4 <= to {
          four(rows, r, c, first + i, i, p, outputStride)
          c += 4
        } else {
          one(rows, r, c, first + i, i, p)
          c += 1
        }
      }
      i += 8
    }
  }

  @inline(__always)
  private func one(_ rows: Range<Int>, _ r: Int, _ c: Int, _ column: Int, _ i: Int, _ y: Floats) {
    let reach = kernel / 2
    var a = bias.lanes(i)
    for n in rows {
      let w = weights + (n - r + reach) * kernel * channels + i
      for e in max(0, reach - c)..<min(kernel, width - c + reach) {
        let x = input + (n * width + c + e - reach) * inputStride + column
        a = a.addingProduct((w + e * channels).lanes(0), x.lanes(0))
      }
    }
    y.store(y.lanes(0) + a, 0)
  }

  /// Four neighbours, none of which sees an edge beside it.
  @inline(__always)
  private func four(
    _ rows: Range<Int>, _ r: Int, _ c: Int, _ column: Int, _ i: Int, _ y: Floats, _ stride: Int
  ) {
    let reach = kernel / 2
    let b = bias.lanes(i)
    var (a0, a1, a2, a3) = (b, b, b, b)
    for n in rows {
      var w = weights + (n - r + reach) * kernel * channels + i
      var x = input + (n * width + c - reach) * inputStride + column
      var (x0, x1) = (x.lanes(0), (x + inputStride).lanes(0))
      var x2 = (x + 2 * inputStride).lanes(0)
      for _ in 0..<kernel {
        let v = w.lanes(0)
        let x3 = (x + 3 * inputStride).lanes(0)
        a0 = a0.addingProduct(v, x0)
        a1 = a1.addingProduct(v, x1)
        a2 = a2.addingProduct(v, x2)
        a3 = a3.addingProduct(v, x3)
        (x0, x1, x2) = (x1, x2, x3)
        w += channels
        x += inputStride
      }
    }
    y.store(y.lanes(0) + a0, 0)
    y.store(y.lanes(stride) + a1, stride)
    y.store(y.lanes(2 * stride) + a2, 2 * stride)
    y.store(y.lanes(3 * stride) + a3, 3 * stride)
  }
}
