#!/bin/sh
# Proves from the objects of a build that AVX-512 stays where it is asked for: no instruction with a
# 512-bit register, a mask or a register above 15 outside KernelsWide, and no symbol of KernelsWide
# that another object could take for its own.
#
#     objects.sh .build/release
#
# For builds made by `swift build`. Those of `swift test` export everything, weak copies of shared
# helpers included: they may need the processor that they were built for.
set -eu
build=$1
status=0
for object in $(find "$build"/Lintel*.build -name '*.o' ! -path '*LintelKernelsWide*'); do
  if llvm-objdump -d --no-show-raw-insn "$object" |
    grep -qE 'zmm|[xy]mm(1[6-9]|2[0-9]|3[01])|%k[0-7]'; then
    echo "AVX-512 outside KernelsWide: $object"
    status=1
  fi
done
# The weak swift_ and $es stubs of an embedded object are plain integer code.
if llvm-nm "$build"/LintelKernelsWide.build/*.o | grep -E ' [TWBD] ' |
  grep -vE 'LintelKernelsWide| lt_product_wide$| _?swift_|\$es16_emptyBoxStorage'; then
  echo "symbols of KernelsWide that are not its own"
  status=1
fi
for object in "$build"/LintelKernelsWide.build/*.o; do
  if llvm-objdump -d --no-show-raw-insn "$object" | awk '/^[0-9a-f]+ </ { f = $2 }
      /zmm|\{%k/ && f !~ /LintelKernelsWide|lt_product_wide/ { bad = 1; print f }
      END { exit bad }'; then :; else
    echo "AVX-512 in a shared function of $object"
    status=1
  fi
done
exit $status
