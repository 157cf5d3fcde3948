import LintelCore
import Testing

import LintelText

@Test(arguments: ["tok-kimi-k2", "tok-qwen35"])
func idsEqualTheReference(_ name: String) throws {
  for folder in Fixtures.folders {
    let tokenizer = try Fixtures.tokenizer(name, in: folder)
    let lines = try Fixtures.lines(name, in: folder)
    #expect(lines.count >= 380)
    for line in lines {
      let off = try tokenizer.encode(line.text)
      let on = try tokenizer.encode(line.text, parseSpecial: true)
      #expect(off == line.hf_off, "\(String(decoding: line.text, as: UTF8.self))")
      #expect(on == line.hf_on ?? line.hf_off, "\(String(decoding: line.text, as: UTF8.self))")
      if name == "tok-kimi-k2" {
        #expect(try tokenizer.decode(off) == line.text)
        #expect(try tokenizer.decode(on) == line.text)
      }
    }
    #expect(tokenizer.guardIsIntact)
  }
}
