// Metadata entries, read in one pass without an index: whoever wants keys walks the entries and
// picks out what it knows. Numbers are accepted in any integer width, since writers differ.

import LintelCore

package enum MetadataType: UInt32, Sendable, BitwiseCopyable {
  case uint8 = 0
  case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of one value; 0 for those of no fixed size.
  var width: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: 0
    }
  }

  var name: StaticString {
    switch self {
    case .uint8: "u8"
    case .int8: "i8"
    case .uint16: "u16"
    case .int16: "i16"
    case .uint32: "u32"
    case .int32: "i32"
    case .float32: "f32"
    case .bool: "bool"
    case .string: "string"
    case .array: "array"
    case .uint64: "u64"
    case .int64: "i64"
    case .float64: "f64"
    }
  }
}

package struct MetadataEntry {
  package let key: Bytes
  package let type: MetadataType
  /// The value's bytes: of a string its text, of an array its elements.
  package let value: Bytes
  /// For arrays.
  package let elementType: MetadataType
  package let elementCount: Int
  let file: Bytes
  let valueOffset: Int

  func wrongType(_ wanted: StaticString) -> Failure {
    Failure(.format, "key \(key) at byte \(valueOffset) is of type \(type.name), not \(wanted)")
  }

  /// An integer at `offset` of `value`, of type `type`; nil for negative or not an integer.
  static func integer(_ bytes: Bytes, _ offset: Int, _ type: MetadataType) -> UInt64? {
    func signed<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> UInt64? {
      let v = T(littleEndian: bytes.load(offset, as: T.self))
      return v < 0 ? nil : UInt64(v)
    }
    switch type {
    case .uint8, .bool: return UInt64(bytes[offset])
    case .int8: return signed(Int8.self)
    case .uint16: return signed(UInt16.self)
    case .int16: return signed(Int16.self)
    case .uint32: return signed(UInt32.self)
    case .int32: return signed(Int32.self)
    case .uint64: return signed(UInt64.self)
    case .int64: return signed(Int64.self)
    case .float32, .float64, .string, .array: return nil
    }
  }

  package func int(upTo limit: Int) throws(Failure) -> Int {
    guard type != .bool, let v = MetadataEntry.integer(value, 0, type) else {
      throw wrongType("a non-negative integer")
    }
    if v > UInt64(limit) {
      throw Failure(
        .limit, "key \(key) is \(v), more than the limit \(limit)",
        needed: Int64(clamping: v), available: Int64(limit))
    }
    return Int(v)
  }

  package func float() throws(Failure) -> Float {
    let v: Float
    switch type {
    case .float32: v = Float(bitPattern: UInt32(littleEndian: value.load(0, as: UInt32.self)))
    case .float64:
      v = Float(Double(bitPattern: UInt64(littleEndian: value.load(0, as: UInt64.self))))
    default:
      throw wrongType("a float")
    }
    if !v.isFinite { throw Failure(.format, "key \(key) is not a finite number") }
    return v
  }

  package func bool() throws(Failure) -> Bool {
    if type != .bool { throw wrongType("a bool") }
    return value[0] != 0
  }

  package func string() throws(Failure) -> Bytes {
    if type != .string { throw wrongType("a string") }
    return value
  }

  package func strings() throws(Failure) -> StringArray {
    if type != .array || elementType != .string { throw wrongType("an array of strings") }
    return StringArray(proven: value, count: elementCount)
  }

  /// Element `i` of an array of `count` 32-bit floats.
  package func float(_ i: Int, of count: Int) throws(Failure) -> Float {
    if type != .array || elementType != .float32 || elementCount != count {
      throw Failure(
        .format,
        "key \(key) at byte \(valueOffset) is not an array of \(count) 32-bit floats")
    }
    let v = Float(bitPattern: UInt32(littleEndian: value.load(4 * i, as: UInt32.self)))
    if !v.isFinite { throw Failure(.format, "key \(key), element \(i): not a finite number") }
    return v
  }

  package func integers() throws(Failure) -> IntegerArray {
    guard type == .array, elementType.width > 0, elementType != .float32, elementType != .float64
    else { throw wrongType("an array of integers or bools") }
    return IntegerArray(key: key, bytes: value, type: elementType, count: elementCount)
  }
}

/// An array of integers or bools, in place.
package struct IntegerArray: BitwiseCopyable, Sendable {
  let key: Bytes
  package let bytes: Bytes
  package let type: MetadataType
  package let count: Int

  /// Element `i`, which is below `count`.
  package func int(_ i: Int, upTo limit: Int) throws(Failure) -> Int {
    guard let v = MetadataEntry.integer(bytes, i * type.width, type), v <= UInt64(limit) else {
      throw Failure(.limit, "key \(key), element \(i): not an integer from 0 to \(limit)")
    }
    return Int(v)
  }
}

package struct MetadataCursor {
  var reader: ByteReader
  var left: Int

  init(bytes: Bytes, at offset: Int, count: Int) {
    reader = ByteReader(bytes, at: offset)
    left = count
  }

  package var offset: Int { reader.offset }

  package mutating func next() throws(Failure) -> MetadataEntry? {
    if left == 0 { return nil }
    left -= 1
    let key = try reader.string(upTo: Container.keyBytesMax, "a metadata key")
    if key.count == 0 {
      throw Failure(.format, "byte \(reader.offset): a metadata key without a name")
    }
    let type = try readType(key)
    let start = reader.offset
    switch type {
    case .string:
      let text = try reader.string(upTo: 1 << 30, "a metadata string")
      return MetadataEntry(
        key: key, type: type, value: text, elementType: type, elementCount: 0, file: reader.bytes,
        valueOffset: start)
    case .array:
      let elementType = try readType(key)
      let count = try Checked.int(
        reader.read(UInt64.self, "an array's length"), upTo: 1 << 31, "an array's length")
      let first = reader.offset
      if elementType == .array {
        throw Failure(.unsupported, "key \(key) at byte \(start): arrays of arrays")
      }
      if elementType == .string {
        try reader.need(Checked.multiply(count, 8, "an array's size"), "an array of strings")
        for _ in 0..<count { _ = try reader.string(upTo: 1 << 30, "an array's string") }
      } else {
        _ = try reader.take(
          Checked.multiply(count, elementType.width, "an array's size"), "an array")
      }
      return MetadataEntry(
        key: key, type: type, value: reader.bytes.slice(first, reader.offset),
        elementType: elementType, elementCount: count, file: reader.bytes, valueOffset: start)
    default:
      let value = try reader.take(type.width, "a metadata value")
      return MetadataEntry(
        key: key, type: type, value: value, elementType: type, elementCount: 0,
        file: reader.bytes, valueOffset: start)
    }
  }

  private mutating func readType(_ key: Bytes) throws(Failure) -> MetadataType {
    let at = reader.offset
    let raw = try reader.read(UInt32.self, "a metadata type")
    guard let type = MetadataType(rawValue: raw) else {
      throw Failure(.format, "key \(key) at byte \(at): unknown metadata type \(raw)")
    }
    return type
  }
}
