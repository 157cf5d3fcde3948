// Sixty-four bits by which a snapshot knows its model, without reading all of it: XXH64 of
//
//     the file's size | all of its header (every key, and every tensor's name, shape, type and place)
//     | for each tensor 64 bytes at four places: its start, its end, and two between, evenly spaced
//
// A model that was trained further, merged, or quantised in another way differs in all of these
// places or nearly so. It does not guard against somebody who forges.

import CPlatform
import LintelCore
import LintelWeights

extension Model {
  private static var sampleBytes: Int { 64 }
  private static var samples: Int { 4 }

  package func identity() -> UInt64 {
    let bytes = container.bytes
    var hash = ContentHash()
    hash.add(UInt64(bytes.count))
    hash.add(bytes.slice(0, min(container.dataStart, bytes.count)))
    for i in 0..<directory.slots.count {
      let slot = directory.slots[i]
      let size = min(slot.entry.bytes, Model.sampleBytes)
      for k in 0..<Model.samples {
        let offset = (slot.entry.bytes - size) * k / (Model.samples - 1)
        hash.add(Bytes(start: slot.start + offset, count: size))
      }
    }
    return hash.value
  }
}
