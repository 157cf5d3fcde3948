// qwen2 and qwen35. One line per alternative of the regex, tried in this order:
//
//     (?i:'s|'t|'re|'ve|'m|'ll|'d)
//     [^\r\n\p{L}\p{N}]? W+                      W = \p{L} for qwen2, [\p{L}\p{M}] for qwen35
//     \p{N}
//      ?[^\s W \p{N}]+[\r\n]*
//     \s*[\r\n]+
//     \s+(?!\S)
//     \s+
//
// Source: the patterns of the published tokenizers of Qwen2 and Qwen3.5.

import LintelCore

extension Scanner {
  mutating func qwenPiece(marks: UInt16) -> Int {
    let i = start
    let suffix = contraction(i)
    if suffix > i { return suffix }
    let (kind, next) = look(i)
    let word = CharacterClass.letter | marks
    let noLead = CharacterClass.letter | CharacterClass.anyNumber | CharacterClass.newline
    if kind & noLead == 0 {
      let end = run(next, word)
      if end > next { return end }
    }
    if kind & word != 0 { return run(next, word) }
    if kind & CharacterClass.anyNumber != 0 { return next }
    let all = CharacterClass.other | CharacterClass.hanOther | CharacterClass.anyMark
    let end = punctuation(i, all & ~marks)
    if end > i { return end }
    return kind & CharacterClass.space != 0 ? whiteSpace(i) : next
  }
}
