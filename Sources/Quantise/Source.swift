// The file to quantise: mapped, proven, and what the mixture asks about it.

import CPlatform
import LintelCore
import LintelWeights

package struct SourceTensor {
  package let name: String
  package let entry: TensorEntry
  package let start: UnsafeRawPointer
}

/// An open GGUF file of F32, F16 and BF16 tensors.
package final class Source {
  package let path: String
  package let container: Container
  package let facts: ModelFacts
  /// In the file's order.
  package let tensors: [SourceTensor]
  private let region: MappedRegion

  package init(path: String) throws {
    self.path = path
    do {
      region = try path.withCString { try MappedRegion.open(path: $0) }
    } catch let failure as Failure {
      throw QuantiseError(failure, file: nil)
    }
    do throws(Failure) {
      container = try Container(region.bytes)
      tensors = try Source.proven(container)
      facts = try Source.facts(container)
    } catch {
      region.close()
      throw QuantiseError(error, file: path)
    }
    for t in tensors where ![.f32, .f16, .bf16].contains(t.entry.format) {
      region.close()
      throw QuantiseError(
        "\(path): tensor \(t.name) is already quantised (\(t.entry.format.name)); quantise from the F32, F16 or BF16 file, each rounding loses again"
      )
    }
  }

  deinit { region.close() }

  /// The tensors in file order, after the directory's checks of ranges, alignment and names.
  private static func proven(_ container: Container) throws(Failure) -> [SourceTensor] {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: container.tensorCount * MemoryLayout<TensorDirectory.Slot>.stride + 64,
      alignment: Arena.alignment)
    defer { memory.deallocate() }
    var arena = Arena(
      memory: memory,
      bytes: container.tensorCount * MemoryLayout<TensorDirectory.Slot>.stride + 64)
    let directory = try TensorDirectory(arena: &arena, count: container.tensorCount)
    try directory.index(container)
    if container.tensorCount == 0 {
      throw Failure(.missing, "the file has no tensors: there is nothing to quantise")
    }
    var tensors: [SourceTensor] = []
    var cursor = container.tensors()
    while let entry = try cursor.next() {
      tensors.append(
        SourceTensor(
          name: text(entry.name), entry: entry,
          start: container.bytes.start + container.dataStart + Int(entry.offset)))
    }
    return tensors
  }

  private static func facts(_ container: Container) throws(Failure) -> ModelFacts {
    var facts = ModelFacts()
    var cursor = container.metadata()
    while let entry = try cursor.next() {
      switch text(entry.key) {
      case "general.architecture": facts.architecture = text(try entry.string())
      case "general.type":
        let type = text(try entry.string())
        if type != "model" {
          throw Failure(
            .unsupported, "general.type is \(try entry.string()); only models are quantised")
        }
      case "split.count":
        if try entry.int(upTo: 1 << 16) > 1 {
          throw Failure(.unsupported, "one part of a split model; merge the parts first")
        }
      default: break
      }
    }
    cursor = container.metadata()
    while let entry = try cursor.next() {
      let key = text(entry.key)
      guard key.hasPrefix(facts.architecture + ".") else { continue }
      switch key.dropFirst(facts.architecture.count + 1) {
      case "block_count": facts.layers = try entry.int(upTo: 1 << 16)
      case "expert_count": facts.experts = try entry.int(upTo: 1 << 16)
      case "attention.head_count": facts.heads = try firstInteger(entry)
      case "attention.head_count_kv": facts.keyHeads = try firstInteger(entry)
      default: break
      }
    }
    return facts
  }

  private static func firstInteger(_ entry: MetadataEntry) throws(Failure) -> Int {
    if entry.type != .array { return try entry.int(upTo: 1 << 16) }
    let array = try entry.integers()
    return array.count > 0 ? try array.int(0, upTo: 1 << 16) : 0
  }
}

func text(_ bytes: Bytes) -> String {
  String(decoding: UnsafeRawBufferPointer(start: bytes.start, count: bytes.count), as: UTF8.self)
}
