// What a schema object says, gathered in one pass. A keyword that constrains and is not listed here
// is refused by name; what only describes is passed over.

import LintelCore

enum Keyword: Int {
  case type, `enum`, const, ref, anyOf, oneOf, allOf
  case properties, required, additionalProperties
  case items, prefixItems, minItems, maxItems, uniqueItems
  case minLength, maxLength, pattern
  case minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf

  static var count: Int { 23 }

  /// The JSON types that it speaks of; 0 for all.
  var types: TypeSet {
    switch self {
    case .properties, .required, .additionalProperties: .object
    case .items, .prefixItems, .minItems, .maxItems, .uniqueItems: .array
    case .minLength, .maxLength, .pattern: .string
    case .minimum, .maximum, .exclusiveMinimum, .exclusiveMaximum, .multipleOf: .number
    default: TypeSet(rawValue: 0)
    }
  }

  static func named(_ json: Json, _ name: Int) -> Keyword? {
    for i in 0..<count {
      if let k = Keyword(rawValue: i), json.equals(name, k.name) { return k }
    }
    return nil
  }

  var name: StaticString {
    switch self {
    case .type: "type"
    case .enum: "enum"
    case .const: "const"
    case .ref: "$ref"
    case .anyOf: "anyOf"
    case .oneOf: "oneOf"
    case .allOf: "allOf"
    case .properties: "properties"
    case .required: "required"
    case .additionalProperties: "additionalProperties"
    case .items: "items"
    case .prefixItems: "prefixItems"
    case .minItems: "minItems"
    case .maxItems: "maxItems"
    case .uniqueItems: "uniqueItems"
    case .minLength: "minLength"
    case .maxLength: "maxLength"
    case .pattern: "pattern"
    case .minimum: "minimum"
    case .maximum: "maximum"
    case .exclusiveMinimum: "exclusiveMinimum"
    case .exclusiveMaximum: "exclusiveMaximum"
    case .multipleOf: "multipleOf"
    }
  }

  /// Keywords that constrain nothing.
  static func isAnnotation(_ json: Json, _ name: Int) -> Bool {
    json.equals(name, "title") || json.equals(name, "description")
      || json.equals(name, "default") || json.equals(name, "examples")
      || json.equals(name, "$schema") || json.equals(name, "$id")
      || json.equals(name, "$comment") || json.equals(name, "$defs")
      || json.equals(name, "definitions") || json.equals(name, "deprecated")
      || json.equals(name, "readOnly") || json.equals(name, "writeOnly")
  }
}

/// Not an OptionSet: its array literals would drag Array into the engine.
struct TypeSet: Equatable {
  var rawValue: UInt8
  static var null: TypeSet { TypeSet(rawValue: 1) }
  static var boolean: TypeSet { TypeSet(rawValue: 2) }
  static var integer: TypeSet { TypeSet(rawValue: 4) }
  /// Integers are numbers: both bits.
  static var number: TypeSet { TypeSet(rawValue: 12) }
  static var string: TypeSet { TypeSet(rawValue: 16) }
  static var array: TypeSet { TypeSet(rawValue: 32) }
  static var object: TypeSet { TypeSet(rawValue: 64) }
  static var all: TypeSet { TypeSet(rawValue: 127) }

  var isEmpty: Bool { rawValue == 0 }
  func contains(_ other: TypeSet) -> Bool { rawValue & other.rawValue == other.rawValue }
  func isSubset(of other: TypeSet) -> Bool { other.contains(self) }
  func isDisjoint(with other: TypeSet) -> Bool { rawValue & other.rawValue == 0 }
  func intersection(_ other: TypeSet) -> TypeSet { TypeSet(rawValue: rawValue & other.rawValue) }
  mutating func formUnion(_ other: TypeSet) { rawValue |= other.rawValue }
}

struct SchemaKeywords {
  private var at = InlineArray<23, Int32>(repeating: -1)
  private(set) var set: UInt32 = 0

  subscript(k: Keyword) -> Int? {
    at[k.rawValue] < 0 ? nil : Int(at[k.rawValue])
  }

  func has(_ k: Keyword) -> Bool { at[k.rawValue] >= 0 }

  init(_ json: Json, _ schema: Int) throws(Failure) {
    var parts = json.parts(schema)
    while let part = parts.next() {
      guard let k = Keyword.named(json, part.name) else {
        if Keyword.isAnnotation(json, part.name) { continue }
        throw Failure(
          .keyword, "\(json.path(part.name)): this keyword is not supported",
          needed: Int64(part.name))
      }
      if has(k) {
        throw Failure(
          .schema, "\(json.path(part.name)): the keyword is there twice", needed: Int64(part.name))
      }
      at[k.rawValue] = Int32(truncatingIfNeeded: part.value)
      set |= 1 << UInt32(k.rawValue)
    }
  }

  /// Whether anything but `allowed` is there.
  func hasMore(than allowed: UInt32) -> Bool { set & ~allowed != 0 }

  static func bit(_ k: Keyword) -> UInt32 { 1 << UInt32(k.rawValue) }

  /// The types that the type-specific keywords speak of.
  var impliedTypes: TypeSet {
    var types = TypeSet(rawValue: 0)
    for i in 0..<Keyword.count {
      if let k = Keyword(rawValue: i), has(k) { types.formUnion(k.types) }
    }
    return types
  }
}
