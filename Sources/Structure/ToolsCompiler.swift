// A tools file: an array of functions as OpenAI's API takes them, or an object with it as "tools".
// The answer is one call:   {"name": NAME, "arguments": what the function's parameters ask for}

import LintelCore

extension SchemaCompiler {
  package static func compileTools(_ c: inout SchemaCompiler) throws(Failure) -> (Int32, Graph) {
    let start = try c.tools()
    return (start, c.graph)
  }

  static var toolsMax: Int { 256 }

  private mutating func tools() throws(Failure) -> Int32 {
    var list = json.root
    if json.kind(list) == .object, let inside = json.member(list, "tools") { list = inside }
    if json.kind(list) != .array { throw broken(list, "an array of tools") }
    let n = json.count(list)
    if n == 0 { throw unsatisfiable(list, "there is no tool") }
    if n > SchemaCompiler.toolsMax {
      throw Failure(
        .grammarSize, "\(json.path(list)): \(n) tools; at most \(SchemaCompiler.toolsMax) are supported",
        needed: Int64(n), available: Int64(SchemaCompiler.toolsMax))
    }
    var node = Graph.dead
    var names = InlineArray<256, Int32>(repeating: 0)
    var count = 0
    var parts = json.parts(list)
    while let part = parts.next() {
      let (name, parameters) = try tool(part.value)
      // `names` are offsets of the names so far.
      for i in 0..<count where json.equals(Int(names[i]), name) {
        throw Failure(
          .schema, "\(json.path(name)): a second tool of the same name", needed: Int64(name))
      }
      names[count] = Int32(truncatingIfNeeded: name)
      count += 1
      node = try graph.either(node, try call(name, parameters))
    }
    return node
  }

  private mutating func call(_ name: Int, _ parameters: Int?) throws(Failure) -> Int32 {
    var node = try graph.byte(UInt8(ascii: "}"), Graph.accept)
    if let parameters {
      documentRoot = parameters
      node = try schema(parameters, node)
    } else {
      node = try graph.text("{}", node)
    }
    node = try graph.text("\"arguments\":", try graph.blank(spacing, node))
    node = try graph.byte(UInt8(ascii: ","), try graph.blank(spacing, node))
    node = try graph.literal(json, string: name, node)
    node = try graph.text("\"name\":", try graph.blank(spacing, node))
    return try graph.byte(UInt8(ascii: "{"), node)
  }

  /// A tool's name and the schema of its arguments.
  private func tool(_ at: Int) throws(Failure) -> (name: Int, parameters: Int?) {
    if json.kind(at) != .object { throw broken(at, "a tool, which is an object") }
    var function = at
    if let inside = json.member(at, "function") {
      function = inside
      var parts = json.parts(at)
      while let part = parts.next() {
        if json.equals(part.name, "function") { continue }
        if !json.equals(part.name, "type") || !json.equals(part.value, "function") {
          throw unsupported(part.name, "only tools of type function are supported")
        }
      }
    }
    if json.kind(function) != .object { throw broken(function, "a function, which is an object") }
    var name: Int?
    var parameters: Int?
    var parts = json.parts(function)
    while let part = parts.next() {
      if json.equals(part.name, "name") {
        name = part.value
      } else if json.equals(part.name, "parameters") {
        parameters = part.value
      } else if !json.equals(part.name, "description") && !json.equals(part.name, "strict")
        && !(function == at && json.equals(part.name, "type"))
      {
        throw unsupported(part.name, "this key of a tool is not supported")
      }
    }
    guard let name, json.kind(name) == .string else { throw broken(function, "a name") }
    return (name, parameters)
  }
}
