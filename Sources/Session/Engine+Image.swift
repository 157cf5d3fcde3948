// Opening and closing image models, and their plan, which the header of the file decides.

import CPlatform
import LintelCore
import LintelKernels
import LintelVision
import LintelWeights

extension MemoryPlan {
  package static func measure(
    image region: MappedRegion, _ options: LoadedImageModel.Options
  ) throws(Failure) -> MemoryReport {
    var arena = Arena.measuring()
    var report = MemoryReport()
    _ = try Layout.carve(&arena, LoadedImageModel.self)
    _ = try LoadedImageModel(&arena, region, options, report: &report)
    report.model = arena.used - report.scratch
    return report
  }
}

extension Engine {
  /// Builds an image model over `region`, which becomes the model's own on success only.
  package mutating func openImage(
    _ region: MappedRegion, _ options: LoadedImageModel.Options
  ) throws(Failure) -> Int {
    let plan = try MemoryPlan.measure(image: region, options)
    guard let gap = try openGap(plan.total) else {
      throw budget(
        "the image model", plan.total, largestGap,
        "memory_bytes or lower input_width and input_height, or threads")
    }
    var arena = gap.arena
    let object = try Layout.carve(&arena, LoadedImageModel.self)
    var report = MemoryReport()
    var loaded = try LoadedImageModel(&arena, region, options, report: &report)
    try loaded.start(pool: pool, isFloat: options.isFloat)
    object.initialize(to: loaded)
    report.model = arena.used - report.scratch
    commit(gap.index, bytes: arena.used, kind: .image, model: -1, memory: report)
    return gap.index
  }

  /// Ends an image model's mapping and frees its region.
  package mutating func closeImage(_ header: UnsafeMutablePointer<Header>) {
    Layout.object(header, LoadedImageModel.self).pointee.region.close()
    remove(header.pointee.region)
  }
}
