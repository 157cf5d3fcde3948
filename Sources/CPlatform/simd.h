/* Names for SIMD operations: one name, three bodies (AVX2+FMA+F16C, NEON+dotprod, plain C).
 * Kernels are written in Swift over these; they inline to the instruction they name. */
#ifndef LINTEL_SIMD_H
#define LINTEL_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#endif
