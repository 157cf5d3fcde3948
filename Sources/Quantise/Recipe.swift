// The kinds of quantised file that can be made.

import LintelCore

/// A file type by the name that it has everywhere, such as `Q4_K_M`.
package enum Recipe: String, CaseIterable, Sendable {
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case iq4_nl = "IQ4_NL"
  case q4_k_m = "Q4_K_M"
  case q5_k_m = "Q5_K_M"
  case q6_k = "Q6_K"

  /// In any case of letters.
  package init?(name: String) { self.init(rawValue: name.uppercased()) }

  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// What most tensors become.
  package var base: BlockFormat {
    switch self {
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .iq4_nl: .iq4_nl
    case .q4_k_m: .q4_k
    case .q5_k_m: .q5_k
    case .q6_k: .q6_k
    }
  }

  /// The number of `general.file_type`.
  package var fileType: UInt32 {
    switch self {
    case .q4_0: 2
    case .q8_0: 7
    case .q4_k_m: 15
    case .q5_k_m: 17
    case .q6_k: 18
    case .iq4_nl: 25
    }
  }
}

/// A refusal, in a sentence.
package struct QuantiseError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  /// The engine's sentence, after the file's name where the sentence lacks it.
  package init(_ failure: Failure, file: String?) {
    var text: [UInt8] = []
    for i in 0..<failure.sentence.count { text.append(failure.sentence.bytes[i]) }
    self.init((file.map { $0 + ": " } ?? "") + String(decoding: text, as: UTF8.self))
  }
}
