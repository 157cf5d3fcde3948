// In-cache rates of the product kernels on one thread: the lower quartile of alternating rounds of
// thread CPU time, so that other work on the machine disturbs little. GB/s is bytes of weights per
// second of one call; GMAC/s counts every activation row.
//
//     KernelBench [formats, comma separated, or all] [columns] [megabytes of weights] [rows n]
// In the embedded build, which has no print, this program is empty.
#if !EMBEDDED
  import CPlatform
  import LintelCore
  import LintelKernels

  let formats: [BlockFormat] = [
    .f32, .f16, .bf16, .q8_0, .q4_0, .q5_0, .q5_1, .iq4_nl, .q2_k, .q3_k, .q4_k, .q5_k, .q6_k,
  ]
  let arguments = CommandLine.arguments
  let wanted = arguments.count > 1 ? arguments[1].split(separator: ",").map(String.init) : []
  let columns = arguments.count > 2 ? Int(arguments[2]) ?? 2048 : 2048
  let megabytes = arguments.count > 3 ? Double(arguments[3]) ?? 0.5 : 0.5
  let counts =
    arguments.count > 4
    ? arguments[4].split(separator: ",").compactMap { Int($0) } : [1, 2, 4, 8, 16, 64, 512]
  let rounds = megabytes > 4 ? 8 : 24

  func cpuNanoseconds() -> Int64 {
    var t = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)
    return Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec)
  }

  func random(_ bytes: Int) -> UnsafeMutableRawPointer {
    let p = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    var s: UInt64 = 88_172_645_463_325_252
    for i in 0..<bytes {
      s ^= s << 13
      s ^= s >> 7
      s ^= s << 17
      // No infinities in half precision scales.
      p.storeBytes(of: UInt8(truncatingIfNeeded: s >> 20) & 0xBB, toByteOffset: i, as: UInt8.self)
    }
    return p
  }

  func pad(_ s: String, _ n: Int) -> String {
    String(repeating: " ", count: max(0, n - s.count)) + s
  }

  func one(_ v: Double) -> String {
    let t = Int((v * 10).rounded())
    return "\(t / 10).\(t % 10)"
  }

  let levels: [Level] = Level.detect() == .wide ? [.baseline, .wide] : [.baseline]
  print("columns \(columns), \(megabytes) MB of weights; per n: GB/s of weights (GMAC/s)")
  func quantisationRate(_ forms: Activations.Forms) throws -> String {
    var measuring = Arena.measuring()
    _ = try Activations(arena: &measuring, rowsMax: 8, columnsMax: columns)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: measuring.used, alignment: 64)
    defer { memory.deallocate() }
    var arena = Arena(memory: memory, bytes: measuring.used)
    let input = try Activations(arena: &arena, rowsMax: 8, columnsMax: columns)
    for i in 0..<(8 * columns) { input.floats[i] = Float((i &* 7919) % 1000) / 500 - 1 }
    let times = (0..<20).map { _ in
      let start = cpuNanoseconds()
      for _ in 0..<50 { input.quantise(rows: 0..<8, forms: forms) }
      return Double(cpuNanoseconds() - start) / 50
    }
    return one(Double(32 * columns) / times.sorted()[5])
  }
  print(
    "rounding activations: \(try quantisationRate(.blocks32)) GB/s of floats in blocks of 32,",
    "\(try quantisationRate(.blocks256)) of 256")
  print(pad("", 17) + counts.map { pad("n=\($0)", 16) }.joined())
  for format in formats {
    let name = "\(format)"
    if wanted != ["all"] && !wanted.isEmpty && !wanted.contains(name) { continue }
    let rowBytes = columns / format.blockElements * format.blockBytes
    let rows = max(16, Int(megabytes * 1e6) / rowBytes / 16 * 16)
    let weights = random(rows * rowBytes)
    let matrix = Matrix(start: weights, format: format, columns: columns, rows: rows)
    var measuring = Arena.measuring()
    _ = try Activations(arena: &measuring, rowsMax: 512, columnsMax: columns)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: measuring.used, alignment: 64)
    var arena = Arena(memory: memory, bytes: measuring.used)
    var input = try Activations(arena: &arena, rowsMax: 512, columnsMax: columns)
    for i in 0..<(512 * columns) { input.floats[i] = Float((i &* 7919) % 1000) / 500 - 1 }
    input.quantise(rows: 0..<512, forms: .all)
    let output = UnsafeMutablePointer<Float>.allocate(capacity: 512 * rows)
    output.initialize(repeating: 0, count: 512 * rows)
    func call(_ n: Int) {
      Product.run(
        matrix, weightRows: 0..<rows, input: input, inputRows: n, output: output, outputStride: rows
      )
    }
    for level in levels {
      input.level = level
      var times = counts.map { _ in [Double]() }
      var repeats = counts.map { _ in 1 }
      for round in 0...rounds {
        for (i, n) in counts.enumerated() {
          let start = cpuNanoseconds()
          for _ in 0..<repeats[i] { call(n) }
          let t = Double(cpuNanoseconds() - start) / Double(repeats[i])
          if round == 0 {
            repeats[i] = max(1, Int(1e6 / t))
          } else {
            times[i].append(t)
          }
        }
      }
      let line = zip(counts, times).map { n, t in
        let quartile = t.sorted()[t.count / 4]
        let rate = Double(rows * rowBytes) / quartile
        let macs = Double(rows * columns * n) / quartile
        return pad("\(one(rate)) (\(one(macs)))", 16)
      }
      print(pad(name, 7) + pad("\(level)", 10) + line.joined())
    }
    memory.deallocate()
    weights.deallocate()
    output.deallocate()
  }
#endif
