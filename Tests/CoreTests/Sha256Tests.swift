import LintelCore
import Testing

private func hexadecimal(_ text: [UInt8], pieces: Int? = nil) -> String {
  var hash = Sha256()
  text.withUnsafeBytes { raw in
    guard let start = raw.baseAddress else { return }
    let all = Bytes(start: start, count: text.count)
    var at = 0
    while at < all.count {
      let to = min(at + (pieces ?? all.count), all.count)
      hash.add(all.slice(at, to))
      at = to
    }
  }
  let digest = hash.digest()
  let digits = Array("0123456789abcdef")
  return String((0..<64).map { digits[Int(digest[$0 / 2] >> ($0 % 2 == 0 ? 4 : 0)) & 15] })
}

// FIPS 180-4's examples, and the lengths around which padding changes.
@Test(arguments: [
  ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
  ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  (
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
  ),
  (
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
  ),
])
func sha256OfKnownTexts(_ text: String, _ digest: String) {
  #expect(hexadecimal(Array(text.utf8)) == digest)
}

@Test func sha256OfAMillionLetters() {
  #expect(
    hexadecimal([UInt8](repeating: 0x61, count: 1_000_000))
      == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
}

@Test func sha256DoesNotDependOnThePieces() {
  for count in [1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000] {
    let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
    let whole = hexadecimal(text)
    for pieces in [1, 3, 31, 64, 65, 500] { #expect(hexadecimal(text, pieces: pieces) == whole) }
  }
}
