// The product kernels on a machine where the Swift suites do not run: an Embedded Swift program of
// Tests/KernelsTests' own references. Ends in "kernels: N passed, M failed".
import LintelCore
import LintelKernels

nonisolated(unsafe) var passed = 0
nonisolated(unsafe) var failed = 0

func expect(_ holds: Bool, _ f: BlockFormat, _ level: Level, _ what: String) {
  if holds {
    passed += 1
  } else {
    failed += 1
    print("FAILED: \(f.rawValue) at level \(level.rawValue): \(what)")
  }
}

/// As ProductTests: every format against doubles, and one result per pair of rows.
func checkProducts(_ f: BlockFormat, _ level: Level) throws(Failure) {
  for (rows, columns) in shapes(f) {
    let m = TestMatrix(f, rows: rows, columns: columns, seed: UInt64(rows * 1000 + columns))
    let w = Guarded(m)
    let x = try Inputs(rows: 9, columns: columns, level: level)
    var g = Generator(7)
    var values: [Float] = []
    for _ in 0..<(9 * columns) { values.append(g.normal()) }
    x.fill(values)
    let stride = rows + 3
    for float in [false, true] {
      let nine = product(w, x, rows: 9, float: float)
      for n in [1, 2, 3, 5, 9] {
        let y = product(w, x, rows: n, float: float)
        let isQuantised = !float && f.blockElements > 1
        let worst = worstError(m, values, y, rows: n, quantised: isQuantised, stride: stride)
        expect(worst <= 1, f, level, "products agree with doubles")
        var isSame = true
        for r in 0..<n {
          for o in 0..<rows where y[r * stride + o].bitPattern != nine[r * stride + o].bitPattern {
            isSame = false
          }
        }
        expect(isSame, f, level, "bits depend on one pair of rows")
      }
    }
  }
}

@main struct Kernels {
  static func main() {
    print(levels.count == 2 ? "baseline and wide" : "baseline")
    for level in levels {
      for (f, expected) in digests {
        do throws(Failure) {
          try checkProducts(f, level)
          let digest = try digest(f, level)
          expect(digest == expected, f, level, "bits are the same on every machine")
          if digest != expected { print("\(f.rawValue): 0x\(String(digest, radix: 16))") }
        } catch {
          expect(false, f, level, "inputs")
        }
      }
    }
    print("kernels: \(passed) passed, \(failed) failed")
  }
}
