// The one thrown type: a pinned status, two numbers, and a finished sentence.

package struct Failure: Error {
  package let status: Status
  /// What would have been needed (bytes, tokens, an id), where the status has such a number.
  package let needed: Int64
  /// What there was.
  package let available: Int64
  package let sentence: Sentence

  package init(
    _ status: Status, _ sentence: Sentence, needed: Int64 = 0, available: Int64 = 0
  ) {
    self.status = status
    self.needed = needed
    self.available = available
    self.sentence = sentence
  }
}
