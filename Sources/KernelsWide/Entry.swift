// The product kernels of ../Kernels/Panels (a link) compiled for AVX-512 with VNNI, on Arm for NEON
// with dot products. Nobody imports this module: its one function is reached through C, and only
// after asking the processor.

import CPlatform

#if arch(x86_64) || arch(arm64)
  @implementation @_cdecl("lt_product_wide")
  public func lt_product_wide(_ job: UnsafePointer<lt_product>) {
    Dispatch.run(job.pointee)
  }
#endif
