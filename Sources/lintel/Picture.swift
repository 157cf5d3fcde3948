// A picture file as RGB bytes: PNG and JPEG by the system's libraries, binary PPM by hand. Only the tool
// decodes; the engine takes pixels.

import CJPEG
import CPNG
import Foundation

struct Picture {
  static let sideMax = 16384

  var width = 0
  var height = 0
  var pixels: [UInt8] = []

  init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ToolError(description: "\(path) cannot be read")
    }
    let bytes = [UInt8](data)
    do {
      if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
        try readPNG(bytes)
      } else if bytes.starts(with: [0xFF, 0xD8]) {
        try readJPEG(bytes)
      } else if bytes.starts(with: [0x50, 0x36]) {
        try readPPM(bytes)
      } else {
        throw ToolError(description: "it is neither PNG nor JPEG nor binary PPM")
      }
    } catch let error as ToolError {
      throw ToolError(description: "\(path): \(error.description)")
    }
  }

  private mutating func resize(_ width: Int, _ height: Int) throws {
    if width < 1 || height < 1 || width > Picture.sideMax || height > Picture.sideMax {
      throw ToolError(
        description: "it is \(width) x \(height); 1 to \(Picture.sideMax) pixels are possible")
    }
    self.width = width
    self.height = height
    // What is transparent shows white.
    pixels = [UInt8](repeating: 255, count: 3 * width * height)
  }

  private mutating func readPNG(_ bytes: [UInt8]) throws {
    var image = png_image()
    var message = [CChar](repeating: 0, count: 64)
    defer { png_image_free(&image) }
    if lt_png_begin(&image, bytes, bytes.count, &message) == 0 {
      throw ToolError(description: text(message))
    }
    try resize(Int(image.width), Int(image.height))
    if lt_png_finish(&image, &pixels, &message) == 0 { throw ToolError(description: text(message)) }
  }

  private mutating func readJPEG(_ bytes: [UInt8]) throws {
    var (width, height) = (UInt32(0), UInt32(0))
    var message = [CChar](repeating: 0, count: 256)
    if lt_jpeg_read(bytes, bytes.count, nil, &width, &height, &message) == 0 {
      throw ToolError(description: text(message))
    }
    try resize(Int(width), Int(height))
    if lt_jpeg_read(bytes, bytes.count, &pixels, &width, &height, &message) == 0 {
      throw ToolError(description: text(message))
    }
  }

  private func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// "P6", three numbers with comments between them, one space, the bytes.
  private mutating func readPPM(_ bytes: [UInt8]) throws {
    var at = 2
    func number() throws -> Int {
      while at < bytes.count, bytes[at] == 35 || bytes[at] <= 32 {
        if bytes[at] == 35 {
          while at < bytes.count, bytes[at] != 10 { at += 1 }
        } else {
          at += 1
        }
      }
      var n = 0
      let start = at
      while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57, n < 1_000_000 {
        n = 10 * n + Int(bytes[at] - 48)
        at += 1
      }
      if at == start { throw ToolError(description: "its header is not one of a PPM") }
      return n
    }
    let (width, height, largest) = (try number(), try number(), try number())
    if largest != 255 { throw ToolError(description: "only 8 bits a channel are supported") }
    try resize(width, height)
    at += 1
    if bytes.count - at < pixels.count || at > bytes.count {
      throw ToolError(description: "it ends too early")
    }
    pixels = Array(bytes[at..<at + pixels.count])
  }
}
