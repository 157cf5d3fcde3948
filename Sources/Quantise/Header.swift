// The new file's header: metadata entry by entry as it was, with the two keys that say what the
// file now is, then the tensors with their new formats and places.

import LintelCore
import LintelWeights

enum Header {
  static func make(
    _ container: Container, _ recipe: Recipe, _ tensors: [Quantisation.Tensor]
  ) throws(Failure) -> [UInt8] {
    let replaced = ["general.file_type", "general.quantization_version"]
    var kept: [UInt8] = []
    var count = replaced.count
    var cursor = container.metadata()
    var from = cursor.offset
    while let entry = try cursor.next() {
      if !replaced.contains(text(entry.key)) && !entry.key.hasPrefix("split.") {
        kept += raw(container.bytes.slice(from, cursor.offset))
        count += 1
      }
      from = cursor.offset
    }
    var bytes: [UInt8] = Array("GGUF".utf8)
    append(UInt32(3), &bytes)
    append(UInt64(tensors.count), &bytes)
    append(UInt64(count), &bytes)
    bytes += kept
    for (key, value) in zip(replaced, [recipe.fileType, 2]) {
      append(key, &bytes)
      append(MetadataType.uint32.rawValue, &bytes)
      append(value, &bytes)
    }
    for t in tensors {
      let e = t.source.entry
      append(UInt64(e.name.count), &bytes)
      bytes += raw(e.name)
      append(UInt32(e.dimensions), &bytes)
      for n in [e.ne0, e.ne1, e.ne2, e.ne3].prefix(e.dimensions) { append(UInt64(n), &bytes) }
      append(t.choice.format.rawValue, &bytes)
      append(UInt64(t.offset), &bytes)
    }
    let end = try Checked.alignUp(bytes.count, container.alignment, "the start of the data")
    return bytes + [UInt8](repeating: 0, count: end - bytes.count)
  }

  private static func raw(_ bytes: Bytes) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes.start, count: bytes.count)
  }

  private static func append(_ text: String, _ bytes: inout [UInt8]) {
    append(UInt64(text.utf8.count), &bytes)
    bytes += Array(text.utf8)
  }

  private static func append<T: FixedWidthInteger>(_ value: T, _ bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}
