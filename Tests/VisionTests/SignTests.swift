// The bundled network for signs and telltales, on the pictures beside it.

import CLintel
import CPNG
import Foundation
import LintelExports
import Testing

/// Where they lie; a clone may be without them.
enum SignFiles {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Examples/PolaFormer")

  static let file = folder.appendingPathComponent("signs.gguf").path
  static let isThere = FileManager.default.fileExists(atPath: file)

  static let pictures =
    ((try? FileManager.default.contentsOfDirectory(
      at: folder.appendingPathComponent("pictures"), includingPropertiesForKeys: nil)) ?? [])
    .filter { $0.pathExtension == "png" }.sorted { $0.path < $1.path }
}

@Suite(.enabled(if: SignFiles.isThere)) struct Signs {
  static func model(threads: Int = 1, isFloat: Bool = false) throws -> ImageHost {
    try ImageHost(SignFiles.file, threads: threads, isFloat: isFloat)
  }

  /// RGB bytes of a PNG.
  private func decode(_ url: URL) throws -> (pixels: [UInt8], width: Int, height: Int) {
    let bytes = [UInt8](try Data(contentsOf: url))
    var image = png_image()
    var message = [CChar](repeating: 0, count: 64)
    defer { png_image_free(&image) }
    var pixels: [UInt8] = []
    // The reader keeps the address of the file's bytes until it has finished.
    bytes.withUnsafeBufferPointer { bytes in
      #expect(lt_png_begin(&image, bytes.baseAddress!, bytes.count, &message) != 0)
      pixels = [UInt8](repeating: 0, count: Int(3 * image.width * image.height))
      #expect(lt_png_finish(&image, &pixels, &message) != 0)
    }
    return (pixels, Int(image.width), Int(image.height))
  }

  @Test func picturesAreThere() { #expect(SignFiles.pictures.count >= 6) }

  @Test(arguments: [false, true])
  func answers(isFloat: Bool) throws {
    let host = try Signs.model(threads: 2, isFloat: isFloat)
    for url in SignFiles.pictures {
      let (pixels, width, height) = try decode(url)
      // Rows that lie apart, with noise between them.
      let stride = 3 * width + 13
      var apart = Case.pixels(9, stride * height)
      for y in 0..<height {
        apart.replaceSubrange(
          y * stride..<y * stride + 3 * width, with: pixels[y * 3 * width..<(y + 1) * 3 * width])
      }
      var options = runOptions(top: 1)
      var result = emptyResult()
      try check {
        lintel_image_run(
          host.model, apart, UInt32(width), UInt32(height), UInt64(stride), &options, &result, $0)
      }
      let top = withUnsafeBytes(of: result.top) {
        $0.bindMemory(to: lintel_image_class.self)[0]
      }
      let label = String(
        decoding: UnsafeRawBufferPointer(start: top.label, count: top.label_bytes),
        as: UTF8.self)
      let name = url.deletingPathExtension().lastPathComponent
      #expect(label.replacingOccurrences(of: " ", with: "-") == name)
      let logits = ImageHost.arrays(result).logits
      #expect(try host.run(pixels, width, height).logits == logits, "\(name): the stride")
    }
  }
}
