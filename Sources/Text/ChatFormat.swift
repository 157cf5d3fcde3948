// How a conversation is written for the model. The text of a message is plain text: control tokens
// spelled out in it stay text, so a user cannot end his turn and begin another's. (User-defined
// tokens such as <think> match in any text; that is what the file's token type says.)
//
//     Kimi      <|im_system|>system<|im_middle|>TEXT<|im_end|>
//               <|im_user|>user<|im_middle|>TEXT<|im_end|>
//               <|im_assistant|>assistant<|im_middle|>
//     ChatML    <|im_start|>user\nTEXT<|im_end|>\n
//               <|im_start|>assistant\n<think>\n
//
// The format is chosen by the control tokens that the vocabulary has. ChatML texts lose the white
// space at both ends, as in the template of Qwen3.5.

import LintelCore

package enum ChatRole: UInt32, Sendable {
  case system = 0
  case user = 1
  case assistant = 2
  case tool = 3

  var name: StaticString {
    switch self {
    case .system: "system"
    case .user: "user"
    case .assistant: "assistant"
    case .tool: "tool"
    }
  }
}

package struct ChatFormat {
  package enum Family: UInt8, Sendable {
    case kimi
    case chatML
  }

  package let family: Family
  /// Ends a message, and a reply.
  package let end: Int32
  private let start: Int32
  private let middle: Int32
  private let user: Int32
  private let assistant: Int32
  private let hasThinking: Bool

  package init(_ vocabulary: Vocabulary) throws(Failure) {
    let end = vocabulary.control("<|im_end|>")
    let middle = vocabulary.control("<|im_middle|>")
    let system = vocabulary.control("<|im_system|>")
    let user = vocabulary.control("<|im_user|>")
    let assistant = vocabulary.control("<|im_assistant|>")
    let start = vocabulary.control("<|im_start|>")
    if let end, let middle, let system, let user, let assistant {
      family = .kimi
      self.end = end
      self.start = system
      self.middle = middle
      self.user = user
      self.assistant = assistant
      hasThinking = false
    } else if let end, let start {
      family = .chatML
      self.end = end
      self.start = start
      self.middle = -1
      self.user = start
      self.assistant = start
      hasThinking = vocabulary.special("<think>") != nil && vocabulary.special("</think>") != nil
    } else {
      throw Failure(
        .unsupported,
        """
        the vocabulary has neither the control tokens of Kimi's chat format nor those of ChatML \
        (<|im_start|>, <|im_end|>)
        """)
    }
  }

  /// One finished message.
  package func append(
    _ role: ChatRole, _ text: Bytes, _ vocabulary: Vocabulary, _ encoder: Encoder,
    to sink: inout TokenSink
  ) throws(Failure) {
    switch family {
    case .kimi:
      try open(role, vocabulary, encoder, &sink)
      try encoder.append(text, vocabulary, parseSpecial: false, to: &sink)
      sink.append(end)
    case .chatML:
      let text = ChatFormat.trimmed(text)
      if role == .tool {
        try open(.user, vocabulary, encoder, &sink)
        try plain("<tool_response>", vocabulary, encoder, &sink)
        try encoder.append(
          before: "\n", text, after: "\n", vocabulary, parseSpecial: false, to: &sink)
        try plain("</tool_response>", vocabulary, encoder, &sink)
      } else {
        try open(role, vocabulary, encoder, &sink)
        try encoder.append(text, vocabulary, parseSpecial: false, to: &sink)
      }
      sink.append(end)
      try plain("\n", vocabulary, encoder, &sink)
    }
  }

  /// The beginning of the reply that the model is to write. With thinking off, an empty thought is
  /// already there; models without thinking tokens have no such switch.
  package func appendGenerationPrompt(
    thinking: Bool, _ vocabulary: Vocabulary, _ encoder: Encoder, to sink: inout TokenSink
  ) throws(Failure) {
    try open(.assistant, vocabulary, encoder, &sink)
    if hasThinking {
      try plain(
        thinking ? "<think>\n" : "<think>\n\n</think>\n\n", vocabulary, encoder, &sink)
    }
  }

  private func open(
    _ role: ChatRole, _ vocabulary: Vocabulary, _ encoder: Encoder, _ sink: inout TokenSink
  ) throws(Failure) {
    switch role {
    case .system, .tool: sink.append(start)
    case .user: sink.append(user)
    case .assistant: sink.append(assistant)
    }
    try plain(role.name, vocabulary, encoder, &sink)
    if family == .kimi { sink.append(middle) } else { try plain("\n", vocabulary, encoder, &sink) }
  }

  /// Our own text, in which thinking tokens count whatever kind they are.
  private func plain(
    _ text: StaticString, _ vocabulary: Vocabulary, _ encoder: Encoder, _ sink: inout TokenSink
  ) throws(Failure) {
    try encoder.append(Bytes(text), vocabulary, parseSpecial: true, to: &sink)
  }

  static func trimmed(_ text: Bytes) -> Bytes {
    if Utf8.firstInvalid(text) != nil { return text }
    var from = 0
    while from < text.count {
      let (scalar, next) = Utf8.decode(text, from)
      if !isTrimmed(scalar) { break }
      from = next
    }
    var to = text.count
    while to > from {
      var start = to - 1
      while start > from && text[start] & 0xC0 == 0x80 { start -= 1 }
      if !isTrimmed(Utf8.decode(text, start).scalar) { break }
      to = start
    }
    return text.slice(from, to)
  }

  /// White_Space, and the separators 1C..1F that the template language also trims.
  private static func isTrimmed(_ scalar: UInt32) -> Bool {
    CharacterClass.of(scalar) & CharacterClass.space != 0 || (scalar >= 0x1C && scalar <= 0x1F)
  }
}

extension Vocabulary {
  /// The id of a special token by its text.
  func special(_ text: StaticString) -> Int32? {
    let bytes = Bytes(text)
    guard let (id, length) = special(bytes, 0, parseSpecial: true), length == bytes.count else {
      return nil
    }
    return id
  }

  func control(_ text: StaticString) -> Int32? {
    guard let id = special(text), kind(Int(id)) == .control else { return nil }
    return id
  }
}
