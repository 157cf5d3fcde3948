import Foundation
import LintelCore
import LintelStructure
import LintelText
import Testing

@Test func automataAgreeWithTheObviousMatcher() throws {
  var noise = Noise(11)
  var accepted = 0
  var rejected = 0
  let bytes = Array("{}[]\",: 0123456789.-truefalsnonazb\\é".utf8)
  for _ in 0..<1500 {
    let shape = Shape.random(&noise, 3)
    let compiled: Compiled
    do {
      compiled = try Compiled(shape.schema)
    } catch let f as Failure {
      #expect(f.status == .unsatisfiable, "\(shape.schema): \(sentenceText(f))")
      continue
    }
    for _ in 0..<12 {
      var text = Array(shape.sample(&noise).utf8)
      for change in 0..<4 {
        let expected = shape.matches(text)
        if expected { accepted += 1 } else { rejected += 1 }
        let got = compiled.accepts(text)
        #expect(
          got == expected,
          "\(shape.schema) on \(String(decoding: text, as: UTF8.self)) after \(change) changes")
        if got != expected { return }
        switch noise.below(3) {
        case 0 where !text.isEmpty: text.remove(at: noise.below(text.count))
        case 1 where !text.isEmpty: text[noise.below(text.count)] = bytes[noise.below(bytes.count)]
        default: text.insert(bytes[noise.below(bytes.count)], at: noise.below(text.count + 1))
        }
      }
    }
  }
  #expect(accepted > 10_000 && rejected > 10_000, "\(accepted) accepted, \(rejected) rejected")
}

/// Every number of a stretch, with every spelling of up to two decimals.
@Test(arguments: [
  (#""minimum": -2, "maximum": 12"#, -200.0, 1200.0, false, false, 0.0),
  (#""exclusiveMinimum": -2, "maximum": 1.25"#, -200, 125, true, false, 0),
  (#""minimum": 0.05, "exclusiveMaximum": 10"#, 5, 1000, false, true, 0),
  (#""minimum": -0.1, "maximum": -0.01"#, -10, -1, false, false, 0),
  (#""minimum": 9.99, "maximum": 100.01"#, 999, 10001, false, false, 0),
  (#""exclusiveMinimum": 0, "exclusiveMaximum": 1"#, 0, 100, true, true, 0),
  (#""minimum": -7, "maximum": 7, "multipleOf": 0.35"#, -700, 700, false, false, 35),
  (#""maximum": 3"#, -.infinity, 300, false, false, 0),
  (#""minimum": 1e1"#, 1000, .infinity, false, false, 0),
] as [(String, Double, Double, Bool, Bool, Double)])
func numbersAreExact(
  _ keywords: String, _ low: Double, _ high: Double, _ noLow: Bool, _ noHigh: Bool, _ step: Double
) throws {
  let number = try Compiled("{\"type\": \"number\", \(keywords)}")
  let integer = try? Compiled("{\"type\": \"integer\", \(keywords)}")
  for n in -2500...12000 {
    let v = Double(n)
    var fits = v >= low && v <= high && !(noLow && v == low) && !(noHigh && v == high)
    if step > 0 && v.truncatingRemainder(dividingBy: step) != 0 { fits = false }
    let sign = n < 0 ? "-" : ""
    let whole = "\(sign)\(n.magnitude / 100)"
    let places = String(format: "%02d", n.magnitude % 100)
    #expect(number.accepts("\(whole).\(places)") == fits, "\(whole).\(places) of \(keywords)")
    if n % 10 == 0 {
      #expect(number.accepts("\(whole).\(places.prefix(1))") == fits, "\(whole) of \(keywords)")
    }
    if n % 100 == 0 {
      #expect(number.accepts(whole) == fits, "\(whole) of \(keywords)")
      if let integer { #expect(integer.accepts(whole) == fits, "\(whole) of integer \(keywords)") }
    } else if let integer {
      #expect(!integer.accepts("\(whole).\(places)"))
    }
  }
  for odd in ["-0", "-0.0", "00", "01", "1.", ".5", "1e1", "+1", "--1", "", "-"] {
    #expect(!number.accepts(odd), "\(odd) of \(keywords)")
  }
}

@Test func whatSchemasAccept() throws {
  let cases: [(String, [String], [String])] = [
    (#"{"enum": ["a", 1, null, {"x": [1, 2]}]}"#, ["\"a\"", "1", "null", "{\"x\": [1, 2]}", "{\"x\":[1,2]}"], ["\"b\"", "2"]),
    (#"{"type": ["string", "null"], "maxLength": 2}"#, ["null", "\"\"", "\"éé\""], ["\"abc\"", "1"]),
    (#"{"enum": [1, "x"], "type": "string"}"#, ["\"x\""], ["1"]),
    (#"{"properties": {"a": {"const": 1}, "b": true}, "required": ["b"]}"#, [#"{"a":1,"b":null}"#, #"{"b": [1, {"z": []}]}"#], [#"{"a":1}"#, #"{"b":1,"a":1}"#, #"{"b":1,"c":1}"#]),
    (#"{"type": "object", "properties": {"ab": {"type": "null"}}, "additionalProperties": {"type": "boolean"}}"#,
      [#"{}"#, #"{"ab": null}"#, #"{"ab": null, "a": true}"#, #"{"abc": true, "": false}"#, #"{"x\#u{e4}": true}"#],
      [#"{"ab": true}"#, #"{"a": 1}"#, #"{"x\n": true}"#]),
    (#"{"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": {"const": 3}, "minItems": 1}"#, ["[1]", "[1,2]", "[1, 2, 3, 3]"], ["[]", "[2]", "[1,3]"]),
    (#"{"type": "array", "prefixItems": [{"const": 1}], "items": false}"#, ["[]", "[1]"], ["[1,1]"]),
    (##"{"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}"##,
      [#"{}"#, #"{"next": {"next": {"next": {}}}}"#], [#"{"next": {"next": {"next": {"next": {}}}}}"#]),
    (##"{"properties": {"a/b": {"type": "null"}, "~": {"$ref": "#/properties/a~1b"}, "c": {"$ref": "#/properties/~0"}}}"##, [#"{"c": null}"#], [#"{"c": 1}"#]),
    (#"{"oneOf": [{"type": "string", "maxLength": 1}, {"type": "integer", "minimum": 5, "maximum": 6}, {"type": "integer", "minimum": 8, "maximum": 8}]}"#, ["\"\"", "5", "8"], ["7"]),
    (#"{"allOf": [{"type": "null"}], "title": "t", "default": 3}"#, ["null"], ["3"]),
    (#"{"type": "string", "pattern": "ab+"}"#, ["\"ab\"", "\"xxabbbyy\\n\"", "\"aab\""], ["\"a\"", "\"ba\""]),
    (#"{"type": "string", "pattern": "^(a|b{2,3})$"}"#, ["\"a\"", "\"bb\"", "\"bbb\""], ["\"b\"", "\"bbbb\"", "\"aa\""]),
    (#"{"type": "string", "pattern": "^[^a-y\\d]\\.\\u00e9$"}"#, ["\"z.é\"", "\"\\\".é\"", "\"\\n.é\""], ["\"a.é\"", "\"5.é\"", "\"zxé\""]),
    (#"{"type": "string", "pattern": "^x|y$"}"#, ["\"x1\"", "\"1y\"", "\"x\""], ["\"1x\"", "\"y1\""]),
    (#"{"type": "string", "pattern": "^.\\s\\S$"}"#, ["\"a b\"", "\"\u{1F600}\\tb\""], ["\"\\n b\"", "\"a  \""]),
    ("{}", ["1", "[[[]]]", #"{"a":{"b":{"c":1}}}"#, "\"x\"", "-1.5", "-0"], ["[[[[]]]]", "01", "\"\\x\"", "\"\u{1}\""]),
  ]
  for (schema, yes, no) in cases {
    let c = try Compiled(schema)
    for text in yes { #expect(c.accepts(text), "\(schema) on \(text)") }
    for text in no { #expect(!c.accepts(text), "\(schema) on \(text)") }
  }
}

@Test func blanksAreWhatTheyShouldBe() throws {
  let schema = #"{"properties": {"a": {"const": [1, 2]}, "b": true}, "required": ["a", "b"]}"#
  let compact = try Compiled(schema, spacing: .none)
  let spaced = try Compiled(schema, spacing: .one)
  let free = try Compiled(schema)
  #expect(compact.accepts(#"{"a":[1,2],"b":1}"#) && !compact.accepts(#"{"a": [1,2],"b":1}"#))
  #expect(spaced.accepts(#"{"a": [1, 2], "b": 1}"#) && !spaced.accepts(#"{"a": [1,2], "b": 1}"#))
  #expect(free.accepts(#"{"a": [1,2],"b": 1}"#) && !free.accepts(#"{"a":  [1,2],"b": 1}"#))
}

@Test func refusalsNameTheKeywordAndItsPlace() {
  let cases: [(String, Status, String)] = [
    (#"{"properties": {"a": {"type": "string", "format": "date"}}}"#, .keyword, "/properties/a/format"),
    (#"{"not": {}}"#, .keyword, "/not"),
    (#"{"type": "array", "uniqueItems": true}"#, .keyword, "uniqueItems"),
    (#"{"allOf": [{}, {}]}"#, .keyword, "/allOf"),
    (#"{"type": "string", "pattern": "a(?=b)"}"#, .keyword, "/pattern"),
    (#"{"type": "string", "pattern": "(a)\\1"}"#, .keyword, "/pattern"),
    (#"{"type": "string", "pattern": "a$b"}"#, .keyword, "/pattern"),
    (#"{"type": "string", "pattern": "a", "maxLength": 3}"#, .keyword, "/maxLength"),
    (#"{"enum": ["a"], "minLength": 3}"#, .keyword, "/enum"),
    (#"{"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}"#, .keyword, "/oneOf/1"),
    (#"{"oneOf": [{"type": "integer", "maximum": 3}, {"type": "number", "minimum": 3}]}"#, .keyword, "/oneOf/1"),
    (#"{"$ref": "other.json#/a"}"#, .keyword, "/$ref"),
    (#"{"required": ["a"]}"#, .keyword, "/required/0"),
    (#"{"type": "integer", "minimum": 3, "maximum": 2}"#, .unsatisfiable, "the top"),
    (#"{"type": "integer", "minimum": 1, "maximum": 4, "multipleOf": 5}"#, .unsatisfiable, ""),
    (#"{"type": "number", "exclusiveMinimum": 1, "maximum": 1}"#, .unsatisfiable, ""),
    (#"{"properties": {"a": {"enum": []}}}"#, .unsatisfiable, "/properties/a/enum"),
    (#"{"properties": {"a": false}, "required": ["a"]}"#, .unsatisfiable, ""),
    (#"{"properties": {}, "required": ["a"], "additionalProperties": false}"#, .unsatisfiable, "/required/0"),
    (#"{"type": "string", "minLength": 3, "maxLength": 2}"#, .unsatisfiable, "maxLength"),
    (#"{"type": "array", "minItems": 1, "maxItems": 0}"#, .unsatisfiable, "maxItems"),
    (##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}"##, .unsatisfiable, ""),
    (#"{"const": 1, "type": "string"}"#, .unsatisfiable, "/const"),
    ("false", .unsatisfiable, ""),
    ("", .schema, "byte 0"),
    ("[]", .schema, "the top"),
    (#"{"type": "strin"}"#, .schema, "/type"),
    (#"{"type": "string", "type": "null"}"#, .schema, "/type"),
    (#"{"properties": {"a": {}, "\u0061": {}}}"#, .schema, "/properties"),
    (#"{"maxLength": -1}"#, .schema, "/maxLength"),
    (#"{"multipleOf": 0}"#, .schema, "/multipleOf"),
    (##"{"$ref": "#/nowhere"}"##, .schema, "/$ref"),
    (#"{"a": "\ud800"}"#, .schema, "byte"),
    (#"{"maxLength": 100000}"#, .grammarSize, "/maxLength"),
    (#"{"minimum": 0, "maximum": 5, "multipleOf": 1.0001}"#, .grammarSize, "/multipleOf"),
    (String(repeating: "[", count: 100), .grammarSize, "nested"),
    (#"{"type": "string", "pattern": "(a|b)*a(a|b){30}"}"#, .grammarSize, ""),
    (#"{"type": "array", "minItems": 4000, "items": {"type": "array", "minItems": 4000, "items": {"const": "a long text"}}}"#, .grammarSize, ""),
  ]
  for (schema, status, word) in cases {
    let got = refusal(schema)
    #expect(got?.0 == status, "\(schema.prefix(200)): \(String(describing: got))")
    #expect(word.isEmpty || got?.1.contains(word) ?? false, "\(schema.prefix(200)): \(String(describing: got))")
  }
  #expect(refusal(#"{"type": "string", "maxLength": 90}"#, states: 100)?.0 == .grammarSize)
}

@Test func toolsBecomeCalls() throws {
  let tools = """
    {"tools": [
      {"type": "function", "function": {"name": "light", "description": "d", "strict": true, "parameters":
        {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"], "additionalProperties": false}}},
      {"name": "level", "parameters": {"properties": {"p": {"$ref": "#/$defs/x"}}, "required": ["p"],
        "$defs": {"x": {"type": "integer", "minimum": 1, "maximum": 3}}}},
      {"name": "none"}]}
    """
  let c = try Compiled(tools, kind: .tools, spacing: .one)
  #expect(c.accepts(#"{"name": "light", "arguments": {"on": true}}"#))
  #expect(c.accepts(#"{"name": "level", "arguments": {"p": 3}}"#))
  #expect(c.accepts(#"{"name": "none", "arguments": {}}"#))
  #expect(!c.accepts(#"{"name": "level", "arguments": {"p": 4}}"#))
  #expect(!c.accepts(#"{"name": "light", "arguments": {"p": 1}}"#))
  let forced = buffer(UInt8.self, 64)
  defer { free(forced) }
  let loose = try Compiled(tools, kind: .tools)
  func ahead(_ text: String, writesBlanks: Bool) -> String {
    let n = loose.automaton.likely(loose.run(text), into: forced, writesBlanks: writesBlanks).count
    return String(decoding: (0..<n).map { forced[$0] }, as: UTF8.self)
  }
  // After the comma a blank may stand.
  #expect(loose.automaton.forced(loose.run(#"{"name":"li"#), into: forced).count == 5)
  #expect(ahead(#"{"name": "li"#, writesBlanks: true) == #"ght", "arguments": {"on": "#)
  #expect(ahead(#"{"name":"li"#, writesBlanks: false) == #"ght","arguments":{"on":"#)
  let (n, state) = c.automaton.forced(c.run(#"{"name": "li"#), into: forced)
  #expect(String(decoding: (0..<n).map { forced[$0] }, as: UTF8.self) == #"ght", "arguments": {"on": "#)
  #expect(c.automaton.edgeRange(state).count == 2)
  #expect(c.automaton.forced(c.run(#"{"name": "none", "arguments": {}}"#), into: forced).count == 0)
  #expect(refusal("[]", kind: .tools)?.0 == .unsatisfiable)
  #expect(refusal(#"[{"name": "a"}, {"name": "\u0061"}]"#, kind: .tools)?.0 == .schema)
  #expect(refusal(#"[{"type": "retrieval"}]"#, kind: .tools)?.0 == .schema)
  #expect(refusal(#"[{"name": "a", "parameters": {"x": 1}}]"#, kind: .tools)?.1.contains("/0/parameters/x") ?? false)
}

@Test func grammarsInGbnf() throws {
  let c = try Compiled(
    #"""
    # numbers and lists
    root  ::= "say " (list | word) ("!" | "?")*
    list  ::= "[" item ("," item)* "]"   # recursive
    item  ::= word | list
    word  ::= [a-c]+ | "\x41\u00e9" | [^\x00-\x7F\u00e9] | digit{2,3}
    digit ::= [0-9]
    """#, kind: .gbnf)
  for yes in ["say a", "say abc!?!", "say [a,b,[c]]", "say Aé", "say 日", "say 12", "say 123"] {
    #expect(c.accepts(yes), "\(yes)")
  }
  for no in ["say", "say 1", "say 1234", "say [a", "say é", "say []", "say a."] {
    #expect(!c.accepts(no), "\(no)")
  }
  #expect(c.accepts("say [[[[a]]]]") && !c.accepts("say [[[[[a]]]]]"))
  let cases: [(String, Status, String)] = [
    ("root ::= root \"a\" | \"b\"", .schema, "line 1"),
    ("root ::= a\na ::= b? c\nb ::= \"x\"\nc ::= a | \"y\"", .schema, "left recursion"),
    ("root ::= nowhere", .schema, "no rule"),
    ("a ::= \"x\"", .schema, "root"),
    ("root ::= \"x", .schema, "quote"),
    ("root ::= (\"x\"", .schema, "parenthesis"),
    ("root ::= [b-a]", .schema, "backwards"),
    ("root ::= \"x\"{3,2}", .schema, "contradict"),
    ("root ::= \"a\"\nroot ::= \"b\"", .schema, "already"),
    ("root ::= \"\\ud800\"", .schema, "character"),
    ("root ::= \"a\" root", .unsatisfiable, ""),
    ("root ::= \"a\"{100000}", .grammarSize, ""),
    ("root ::= (\"a\"{4000}){4000}", .grammarSize, ""),
    ("", .schema, "root"),
  ]
  for (text, status, word) in cases {
    let got = refusal(text, kind: .gbnf)
    #expect(got?.0 == status && (word.isEmpty || got?.1.contains(word) ?? false), "\(text): \(String(describing: got))")
  }
}

/// Whatever the bytes are: an automaton or a refusal, and nothing written beyond the memory.
@Test(arguments: [GrammarKind.jsonSchema, .tools, .gbnf])
func brokenTextsAreRefused(_ kind: GrammarKind) throws {
  let schema = ##"{"$defs": {"a": {"type": "string", "pattern": "^(a|[b-d\\s]{1,3})+$"}}, "type": "object", "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"type": "number", "minimum": -1.5, "maximum": 20, "multipleOf": 0.5}, "z": {"oneOf": [{"const": "q"}, {"type": "array", "items": {"enum": [1, null, "\u00e9"]}, "maxItems": 3}]}}, "required": ["x"], "additionalProperties": {"type": "boolean"}}"##
  let text: String
  switch kind {
  case .jsonSchema: text = schema
  case .tools: text = #"{"tools": [{"type": "function", "function": {"name": "f", "parameters": "# + schema + "}}]}"
  case .gbnf: text = "root ::= \"a\" ([b-z]{1,3} | \"\\x41\" x)* y?\nx ::= [^\\n] | \"(\" x \")\"\ny ::= x+ # end\n"
  }
  let whole = Array(text.utf8)
  _ = try Compiled(whole, kind: kind)
  var noise = Noise(5)
  let alphabet = Array("{}[]\",:0-9e\\()|*+?^$.#/".utf8)
  for k in 0..<whole.count + 3000 {
    var bytes = whole
    if k < whole.count {
      bytes = Array(whole[..<k])
    } else {
      for _ in 0...noise.below(3) {
        let i = noise.below(bytes.count)
        switch noise.below(4) {
        case 0: bytes[i] = UInt8(noise.below(256))
        case 1: bytes[i] = alphabet[noise.below(alphabet.count)]
        case 2: bytes.remove(at: i)
        default: bytes.insert(alphabet[noise.below(alphabet.count)], at: i)
        }
      }
    }
    do {
      let c = try Compiled(bytes, kind: kind, bytes: [1 << 20, 100_000, 4 << 20][k % 3])
      #expect((0..<64).allSatisfy { c.memory.load(fromByteOffset: c.bytes + $0, as: UInt8.self) == 0xA5 })
    } catch let f as Failure {
      let known: [Status] = [.schema, .keyword, .unsatisfiable, .grammarSize, .budget]
      #expect(known.contains(f.status), "\(f.status.rawValue) \(sentenceText(f))")
    }
  }
}
