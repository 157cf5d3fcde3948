// What a vocabulary is built from: the `tokenizer.ggml.*` values of a GGUF file, in place.

import LintelCore

package struct VocabularySource {
  /// tokenizer.ggml.tokens
  package var tokens: StringArray
  /// tokenizer.ggml.token_type: little-endian 32-bit integers, one per token; absent = all normal.
  package var types: Bytes?
  /// tokenizer.ggml.merges; absent = no elements.
  package var merges: StringArray
  /// tokenizer.ggml.model; only "gpt2", byte-level BPE, is supported.
  package var model: Bytes
  /// tokenizer.ggml.pre: which pre-tokenizer the model was trained with.
  package var pre: Bytes
  /// tokenizer.ggml.bos_token_id and its siblings, as found; nil where the file has no such key.
  package var bos: UInt32?
  package var eos: UInt32?
  package var eot: UInt32?
  package var eom: UInt32?
  package var padding: UInt32?
  package var addBos: Bool
  /// tokenizer.chat_template, kept for whoever wants to show it; formats are chosen by tokens.
  package var chatTemplate: Bytes

  package init(tokens: StringArray, merges: StringArray, model: Bytes, pre: Bytes) {
    self.tokens = tokens
    self.merges = merges
    self.model = model
    self.pre = pre
    addBos = false
    chatTemplate = Bytes("")
  }
}

/// tokenizer.ggml.token_type.
package enum TokenKind: UInt8, Sendable {
  case normal = 1
  case unknown = 2
  /// Matches in text only where the caller asks for it; never produced by merging.
  case control = 3
  /// Matches in any text, before merging.
  case userDefined = 4
  /// A gap in the numbering.
  case unused = 5
  case byte = 6

  /// Spelled as plain UTF-8 rather than in the byte alphabet.
  var isPlain: Bool {
    switch self {
    case .normal, .byte: false
    case .unknown, .control, .userDefined, .unused: true
    }
  }

  /// Whether plain text may turn into this token by merging bytes.
  var isText: Bool {
    switch self {
    case .normal, .byte, .userDefined: true
    case .unknown, .control, .unused: false
    }
  }
}
