// The buffers of a pass, shared by all sessions of a model: one pass runs at a time. Sized by the
// largest chunk of rows.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Workspace: BitwiseCopyable {
  package let rowsMax: Int
  package let input: Activations
  /// Intermediate results; each layer lays its own out over it.
  package let rows: Buffer<Float>
  /// Per thread.
  package let recurrence: Buffer<Float>
  /// Per thread.
  package let attention: Buffer<Float>
  package let entries: Buffer<ProductEntry>
  /// Convolutions that follow products row by row.
  let convolutions: Buffer<ShortConvolutionJob>
  /// Router results: `[rows, chosen]`.
  package let chosen: Buffer<Int32>
  package let weights: Buffer<Float>
  /// Pairs (row, choice) in order of expert: the input row of each, and where each pair went.
  package let pairRow: Buffer<Int32>
  package let pairPlace: Buffer<Int32>
  package let expertStart: Buffer<Int32>
  /// Where the logits of a pass go.
  package let places: Buffer<Floats?>
  /// Which rows of the pass those are.
  package let placeRows: Buffer<Int32>
  package let lowRank: LowRankScratch
  package let foresight: Foresight

  package init(
    arena: inout Arena, dimensions d: Dimensions, layers: Int, rowsMax: Int, threads: Int,
    lowRank: LowRankScratch
  ) throws(Failure) {
    self.rowsMax = rowsMax
    self.lowRank = lowRank
    input = try Activations(
      arena: &arena, rowsMax: rowsMax, columnsMax: max(d.inputColumns, d.embedding))
    rows = try arena.carve(
      Float.self, Checked.multiply(rowsMax, d.rowFloats, "intermediate results"),
      "intermediate results")
    recurrence = try arena.carve(
      Float.self, Checked.multiply(threads, d.recurrenceFloats, "recurrence scratch"),
      "recurrence scratch")
    attention = try arena.carve(
      Float.self, Checked.multiply(threads, d.attentionFloats, "attention scratch"),
      "attention scratch")
    entries = try arena.carve(ProductEntry.self, 3 * d.expertsMax + 12, "product lists")
    convolutions = try arena.carve(
      ShortConvolutionJob.self, DeltaMixer.projectionsMax, "product lists")
    let pairs = try Checked.multiply(rowsMax, d.chosenMax, "expert choices")
    chosen = try arena.carve(Int32.self, pairs, "expert choices")
    weights = try arena.carve(Float.self, pairs, "expert choices")
    pairRow = try arena.carve(Int32.self, pairs, "expert choices")
    pairPlace = try arena.carve(Int32.self, pairs, "expert choices")
    expertStart = try arena.carve(Int32.self, d.expertsMax + 1, "expert choices")
    places = try arena.carve(Floats?.self, Forward.placesMax, "places of logits")
    foresight = try Foresight(arena: &arena, layers: layers, threads: threads)
    placeRows = try arena.carve(Int32.self, Forward.placesMax, "places of logits")
  }
}

/// Hands out consecutive pieces of the intermediate buffer, each `rows` rows high.
struct RowCarver {
  var next: Floats
  let rows: Int

  mutating func take(_ floatsPerRow: Int) -> Floats {
    let p = next
    next += rows * roundUp(floatsPerRow)
    return p
  }
}
