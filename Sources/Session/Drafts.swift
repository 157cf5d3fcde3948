// Guesses at the tokens to come, and where they come from. A pass reads the next token and, behind it,
// the guesses; each is right if the sampler then chooses that very token (Session+Drafts.swift).

import LintelCore

package struct DraftSettings: BitwiseCopyable, Sendable {
  package static var tokensMax: Int { 16 }
  package static var rewindMax: Int { 64 }

  /// Most guesses of a pass.
  package var tokens = 0
  /// How many tokens can be taken back at any time.
  package var rewind = 0

  package init() {}

  /// Places in the ring of records.
  package var records: Int { tokens + rewind == 0 ? 0 : tokens + rewind + 1 }
}

/// Which sources a generation uses, and whether the gate is asked.
package struct DraftChoice: BitwiseCopyable, Sendable {
  /// Most guesses of a pass, or nil for the session's.
  package var tokens: Int?
  package var isOff = false
  package var usesLookup = true
  package var usesModel = true
  package var usesPredictor = true
  package var isUngated = false

  package init() {}
}

/// The guesses of a pass, in order, each of a kind that the gate keeps figures of. What a grammar forces
/// behind a guess is right if the guess is.
struct DraftList {
  private(set) var tokens = InlineArray<16, Int32>(repeating: 0)
  private(set) var kinds = InlineArray<16, Int>(repeating: 0)
  private(set) var count = 0
  let countMax: Int

  init(countMax: Int) { self.countMax = min(countMax, DraftSettings.tokensMax) }

  /// So many that are yet to be made.
  init(_ n: Int, of kind: Int) {
    self.init(countMax: n)
    while !isFull { append(0, kind: kind) }
  }

  var isFull: Bool { count >= countMax }

  mutating func append(_ token: Int32, kind: Int) {
    if isFull { return }
    tokens[count] = token
    kinds[count] = kind
    count += 1
  }

  mutating func cut(to n: Int) { count = min(count, n) }

  /// Those of them that are no matter of course.
  var guesses: Int {
    var n = 0
    for i in 0..<count where kinds[i] != Drafts.forcedKind { n += 1 }
    return n
  }

  /// Whether a token is chosen behind the first n of them.
  func isChoice(behind n: Int) -> Bool { n >= count || kinds[n] != Drafts.forcedKind }

  /// The rows behind which one is, the row before the first guess being bit 0.
  var choices: UInt32 {
    var bits: UInt32 = 0
    for n in 0...count where isChoice(behind: n) { bits |= 1 << UInt32(n) }
    return bits
  }
}

struct Drafts {
  // Kinds of guesses: first those of the index.
  static var forcedKind: Int { DraftGate.kindsMax - 1 }
  /// A grammar leaves no choice but that of a blank, or of how a text is split into tokens.
  static var likelyKind: Int { DraftGate.kindsMax - 2 }
  /// Before it is asked.
  static var modelKind: Int { TokenIndex.kinds }

  static var predictorKind: Int { modelKind + 5 }

  /// By the probability that the draft model itself gives its guess.
  static func modelKind(_ probability: Float) -> Int { modelKind + degree(probability) }
  static func predictorKind(_ probability: Float) -> Int { predictorKind + degree(probability) }

  private static func degree(_ probability: Float) -> Int {
    probability > 0.9 ? 1 : probability > 0.7 ? 2 : probability > 0.4 ? 3 : 4
  }

  /// The kind that stands for all of a source, before it is asked.
  static func source(of kind: Int) -> Int? {
    if kind > predictorKind && kind < likelyKind { return predictorKind }
    return kind > modelKind && kind < predictorKind ? modelKind : nil
  }

  let settings: DraftSettings
  let index: TokenIndex
  var gate = DraftGate()
  /// Those of the last pass.
  var list = DraftList(countMax: 0)
  /// How many of them the sampler has chosen.
  var verified = 0
  /// Tokens that the index has learned.
  var learned = 0
  /// Of the pass under way.
  var passNs: Int64 = 0
  var passRows = 0
  /// The draft session, if one is lent, and what a guess of its takes.
  var lender: UnsafeMutablePointer<Header>?
  var modelNs: Float = 0

  init(_ arena: inout Arena, _ settings: DraftSettings) throws(Failure) {
    self.settings = settings
    index = try TokenIndex(&arena, isUsed: settings.tokens > 0)
  }
}
