import LintelSampling
import Testing

@Test func randomNumbersArePinned() {
  // The first two outputs of SplitMix64 from state 0, as published with the algorithm.
  #expect(CounterRandom.mix(0) == 0xE220_A839_7B1D_CDAF)
  #expect(CounterRandom.mix(0x9E37_79B9_7F4A_7C15) == 0x6E78_9E6A_A1B9_65F4)
}
