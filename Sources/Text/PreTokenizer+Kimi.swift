// kimi-k2. One line per alternative of the regex, tried in this order:
//
//     [\p{Han}]+
//     [^\r\n\p{L}\p{N}]? U* L+ contraction?    U = Lu Lt Lm Lo M, L = Ll Lm Lo M, both without Han
//     [^\r\n\p{L}\p{N}]? U+ L* contraction?
//     \p{N}{1,3}
//      ?[^\s\p{L}\p{N}]+[\r\n]*
//     \s*[\r\n]+
//     \s+(?!\S)
//     \s+
//
// Words are cut between lower and upper case (Hello|World, parse|JSONResponse), marks count as
// letters, and Han runs stand alone. Source: the pattern of Kimi's published tokenizer.

import LintelCore

extension Scanner {
  private static var upperLike: UInt16 {
    CharacterClass.upper | CharacterClass.caseless | CharacterClass.mark
  }
  private static var lowerLike: UInt16 {
    CharacterClass.lower | CharacterClass.caseless | CharacterClass.mark
  }

  mutating func kimiPiece() -> Int {
    let i = start
    let (kind, next) = look(i)
    if kind & CharacterClass.han != 0 { return run(next, CharacterClass.han) }
    if let end = kimiWord(i, kind, next) { return end }
    if kind & CharacterClass.anyNumber != 0 {
      var end = next
      for _ in 0..<2 {
        let (kind, next) = look(end)
        if kind & CharacterClass.anyNumber == 0 { break }
        end = next
      }
      return end
    }
    let rest = CharacterClass.other | CharacterClass.hanOther | CharacterClass.anyMark
    let end = punctuation(i, rest)
    if end > i { return end }
    return kind & CharacterClass.space != 0 ? whiteSpace(i) : next
  }

  /// The two word alternatives, with the optional leading character tried first in each.
  private mutating func kimiWord(_ i: Int, _ kind: UInt16, _ next: Int) -> Int? {
    let noLead = CharacterClass.letter | CharacterClass.anyNumber | CharacterClass.newline
    let hasLead = kind & noLead == 0
    let letters = Scanner.upperLike | Scanner.lowerLike
    if hasLead, let end = lowerWord(next) { return contraction(end) }
    if kind & letters != 0, let end = lowerWord(i) { return contraction(end) }
    if hasLead, let end = upperWord(next) { return contraction(end) }
    if kind & letters != 0, let end = upperWord(i) { return contraction(end) }
    return nil
  }

  /// `U* L+`. U* takes all it can and gives back as little as L+ needs: one character of both sets.
  private mutating func lowerWord(_ i: Int) -> Int? {
    var end = i
    var afterBoth: Int?
    while true {
      let (kind, next) = look(end)
      if kind & Scanner.upperLike == 0 {
        if kind & Scanner.lowerLike != 0 { return run(next, Scanner.lowerLike) }
        return afterBoth
      }
      end = next
      if kind & Scanner.lowerLike != 0 { afterBoth = next }
    }
  }

  /// `U+ L*`, where U+ is not followed by a lower-case letter: `lowerWord` would have matched.
  private mutating func upperWord(_ i: Int) -> Int? {
    let end = run(i, Scanner.upperLike)
    return end == i ? nil : run(end, Scanner.lowerLike)
  }
}
