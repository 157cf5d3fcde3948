// From a job's format number to its kernel.

import CPlatform

enum Dispatch {
  static func run(_ job: lt_product) {
    if job.use_floats != 0 {
      FloatDot.run(job)
      return
    }
    switch job.format {
    case Format.q8_0: Panel.run(PanelQ8_0.self, job)
    case Format.q4_0: Panel.run(PanelQ4_0.self, job)
    case Format.q5_0: Panel.run(PanelQ5_0.self, job)
    case Format.q5_1: Panel.run(PanelQ5_1.self, job)
    case Format.iq4_nl: Panel.run(PanelIQ4_NL.self, job)
    case Format.q2_k: Panel.run(PanelQ2_K.self, job)
    case Format.q3_k: Panel.run(PanelQ3_K.self, job)
    case Format.q4_k: Panel.run(PanelQ4_K.self, job)
    case Format.q5_k: Panel.run(PanelQ5_K.self, job)
    case Format.q6_k: Panel.run(PanelQ6_K.self, job)
    default: FloatDot.run(job)
    }
  }
}
