// The GGUF container: header, metadata entries, tensor entries, data.
//
//     magic "GGUF" · version u32 · tensor count u64 · metadata count u64
//     metadata:  key string · type u32 · value                        (string = u64 length, bytes)
//     tensors:   name string · dimensions u32 · ne u64[] · type u32 · offset u64
//     padding to `general.alignment` · data
//
// Format: the GGUF specification (ggml/docs/gguf.md), versions 2 and 3, little-endian. Opening walks
// the whole header once: every count, length and offset is proven against the file before anything
// uses it, so later passes over the same bytes cannot fail on their account.

import LintelCore

package struct Container: BitwiseCopyable, Sendable {
  package let bytes: Bytes
  package let version: UInt32
  package let metadataCount: Int
  package let tensorCount: Int
  package let alignment: Int
  /// Byte offsets in the file.
  package let metadataStart: Int
  package let tensorsStart: Int
  package let dataStart: Int

  static var entriesMax: Int { 65_536 }
  static var keyBytesMax: Int { 65_535 }
  static var nameBytesMax: Int { 255 }

  package init(_ bytes: Bytes) throws(Failure) {
    var reader = ByteReader(bytes)
    let magic = try reader.read(UInt32.self, "the GGUF magic")
    if magic != 0x4655_4747 {
      throw Failure(.format, "byte 0: this is not a GGUF file (it does not start with 'GGUF')")
    }
    version = try reader.read(UInt32.self, "the GGUF version")
    if version.byteSwapped == 2 || version.byteSwapped == 3 {
      throw Failure(.unsupported, "byte 4: a big-endian GGUF file; convert it to little-endian")
    }
    if version != 2 && version != 3 {
      throw Failure(.unsupported, "byte 4: GGUF version \(version); versions 2 and 3 are supported")
    }
    tensorCount = try Checked.int(
      reader.read(UInt64.self, "the tensor count"), upTo: Container.entriesMax,
      "byte 8: the tensor count")
    metadataCount = try Checked.int(
      reader.read(UInt64.self, "the metadata count"), upTo: Container.entriesMax,
      "byte 16: the metadata count")
    self.bytes = bytes
    metadataStart = reader.offset

    var alignment = 32
    var metadata = MetadataCursor(bytes: bytes, at: reader.offset, count: metadataCount)
    while let entry = try metadata.next() {
      if entry.key == "general.alignment" {
        let value = try entry.int(upTo: 1 << 20)
        if value < 8 || value & (value - 1) != 0 {
          throw Failure(
            .format, "general.alignment is \(value); it must be a power of two of at least 8")
        }
        alignment = value
      }
    }
    self.alignment = alignment
    tensorsStart = metadata.offset

    var tensors = TensorCursor(bytes: bytes, at: tensorsStart, count: tensorCount)
    while try tensors.next() != nil {}
    dataStart = try Checked.alignUp(tensors.offset, alignment, "the start of the tensor data")
    if tensorCount > 0 && dataStart > bytes.count {
      throw Failure(
        .truncated,
        "the tensor data should start at byte \(dataStart), but the file ends at byte \(bytes.count)",
        needed: Int64(dataStart), available: Int64(bytes.count))
    }
  }

  package func metadata() -> MetadataCursor {
    MetadataCursor(bytes: bytes, at: metadataStart, count: metadataCount)
  }

  package func tensors() -> TensorCursor {
    TensorCursor(bytes: bytes, at: tensorsStart, count: tensorCount)
  }

  /// Where the data of `entry` lies, which is refused unless all of it is inside the file.
  package func start(of entry: TensorEntry) throws(Failure) -> UnsafeRawPointer {
    if entry.offset % UInt64(alignment) != 0 {
      throw Failure(
        .format,
        "tensor \(entry.name): offset \(entry.offset) is not a multiple of the alignment \(alignment)"
      )
    }
    let room = bytes.count - dataStart
    if entry.bytes > room || entry.offset > UInt64(room - entry.bytes) {
      throw Failure(
        .truncated,
        "tensor \(entry.name): \(entry.bytes) bytes at data offset \(entry.offset) end past the file's \(bytes.count) bytes",
        needed: Int64(entry.bytes), available: Int64(room))
    }
    return bytes.start + dataStart + Int(entry.offset)
  }
}

extension ByteReader {
  /// A GGUF string: u64 length and that many bytes.
  package mutating func string(
    upTo limit: Int, _ what: StaticString
  ) throws(Failure) -> Bytes {
    let start = offset
    let length = try read(UInt64.self, what)
    if length > UInt64(limit) {
      throw Failure(
        .limit, "\(what) at byte \(start) is \(length) bytes long; the limit is \(limit)",
        needed: Int64(clamping: length), available: Int64(limit))
    }
    return try take(Int(length), what)
  }
}
