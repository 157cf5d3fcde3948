// Rotary positions, NeoX pairing: dimension i turns with dimension i + n/2.
//
//     θ_i = position · base^(-2i/n)
//     (x_i, x_{i+n/2}) ← (x_i cos θ_i - x_{i+n/2} sin θ_i,  x_{i+n/2} cos θ_i + x_i sin θ_i)
//
// The frequency and the angle are rounded to float32 as in the reference implementation, since models
// are trained with those angles; sine and cosine of that angle are then taken in double precision.

import CPlatform
import LintelCore

package struct Rotary {
  package static var widthMax: Int { 512 }

  private let cosines: Floats
  private let sines: Floats
  private let half: Int

  /// The first `width` dimensions of a head turn; `width` is even and at most `widthMax`. The angles'
  /// cosines and sines go to `table`, `width` floats which outlive this value.
  package init(position: Int, width: Int, base: Float, table: Floats) {
    half = width / 2
    cosines = table
    sines = table + half
    let step = -lt_log(Double(base)) * 2 / Double(max(width, 1))
    for i in 0..<half {
      let frequency = Float(lt_exp(step * Double(i)))
      let angle = Double(Float(position) * frequency)
      cosines[i] = Float(lt_cos(angle))
      sines[i] = Float(lt_sin(angle))
    }
  }

  package func turn(_ x: Floats) {
    for i in 0..<half {
      let a = x[i]
      let b = x[i + half]
      x[i] = a * cosines[i] - b * sines[i]
      x[i + half] = b * cosines[i] + a * sines[i]
    }
  }
}
