// Which instruction set the product kernels use. It changes the speed, never a bit of a result.

import CPlatform

package enum Level: UInt8, BitwiseCopyable, Sendable {
  /// What the whole engine is compiled for: AVX2 with FMA, or the NEON of every 64-bit Arm.
  case baseline
  /// AVX-512 with VNNI, VBMI and GFNI: Ice Lake, Zen 4 and later. On Arm, NEON with dot products:
  /// Cortex-A55, A75 and later.
  case wide

  /// Asks the processor, which takes microseconds in a virtual machine: not for every product.
  package static func detect() -> Level {
    #if arch(x86_64) || arch(arm64)
      return lt_has_wide() != 0 ? .wide : .baseline
    #else
      return .baseline
    #endif
  }
}
