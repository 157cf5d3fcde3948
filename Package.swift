// swift-tools-version: 6.1
// One manifest, two builds. The default build is ordinary Swift: the tests and the `lintel` tool.
// With the trait `Embedded` the same sources become the shipped archive: no Swift runtime, and
// `-no-allocations` makes the compiler reject anything that would touch a heap.
import PackageDescription

#if arch(x86_64)
  let machine = ["-Xcc", "-march=x86-64-v3"]
  // The product kernels a second time, chosen at run time.
  let wideMachine = [
    "-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni", "-Xcc", "-mavx512vbmi", "-Xcc", "-mgfni",
    "-Xcc", "-mprefer-vector-width=512",
  ]
#else
  let machine = ["-Xcc", "-march=armv8-a"]
  let wideMachine = ["-Xcc", "-march=armv8.2-a+dotprod"]
#endif

let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded", .when(traits: ["Embedded"])),
  .unsafeFlags(
    [
      "-wmo", "-no-allocations", "-Xfrontend", "-function-sections",
      "-Xfrontend", "-disable-stack-protector",
    ], .when(traits: ["Embedded"])),
]
let engine: [SwiftSetting] = embedded + [.unsafeFlags(machine)]

func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: "Lintel" + name, dependencies: dependencies, path: "Sources/" + name,
    swiftSettings: engine, linkerSettings: [.linkedLibrary("m")])
}

func suite(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: dependencies, path: "Tests/" + name + "Tests",
    exclude: exclude,
    // CPlatform and Foundation's Glibc must see the same system headers.
    swiftSettings: [.unsafeFlags(machine + ["-Xcc", "-D_GNU_SOURCE=1"])])
}

let package = Package(
  name: "lintel",
  products: [
    .library(name: "lintel-archive", type: .static, targets: ["LintelExports"]),
    .library(name: "lintel-deployment", type: .static, targets: ["LintelDeployment"]),
    .executable(name: "lintel", targets: ["lintel"]),
  ],
  traits: [
    .trait(name: "Embedded", description: "The shipped archive: no Swift runtime, no heap")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "CLintel", path: "Include"),
    .systemLibrary(name: "CPlatform", path: "Sources/CPlatform"),
    layer("Core", ["CPlatform"]),
    layer("Weights", ["CPlatform", "LintelCore"]),
    layer("Kernels", ["CPlatform", "LintelCore", "LintelKernelsWide"]),
    .target(
      name: "LintelKernelsWide", dependencies: ["CPlatform"], path: "Sources/KernelsWide",
      swiftSettings: embedded + [.unsafeFlags(wideMachine)]),
    .executableTarget(
      name: "KernelBench", dependencies: ["CPlatform", "LintelCore", "LintelKernels"],
      path: "Tests/Bench/KernelBench",
      swiftSettings: [.unsafeFlags(machine), .define("EMBEDDED", .when(traits: ["Embedded"]))]),
    layer("Text", ["LintelCore"]),
    layer("Sampling", ["CPlatform", "LintelCore"]),
    layer("Structure", ["LintelCore", "LintelText"]),
    layer("Model", ["CPlatform", "LintelCore", "LintelWeights", "LintelKernels"]),
    layer("Vision", ["CPlatform", "LintelCore", "LintelWeights", "LintelKernels"]),
    layer(
      "Session",
      ["CPlatform", "LintelCore", "LintelWeights", "LintelKernels", "LintelModel", "LintelText",
       "LintelSampling", "LintelStructure", "LintelVision"]),
    layer(
      "Exports",
      ["CLintel", "CPlatform", "LintelCore", "LintelWeights", "LintelKernels", "LintelModel",
       "LintelText", "LintelSampling", "LintelStructure", "LintelVision",
       "LintelSession"]),
    // A client of the C functions, and in the archive a member of its own: it alone needs libcjson.
    .systemLibrary(
      name: "CcJSON", path: "Sources/CcJSON", pkgConfig: "libcjson",
      providers: [.apt(["libcjson-dev"])]),
    layer("Deployment", ["CLintel", "CPlatform", "CcJSON", "LintelCore", "LintelText"]),
    .systemLibrary(
      name: "CPNG", path: "Sources/CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", path: "Sources/CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg62-turbo-dev"])]),
    // Ordinary Swift, for the tool only.
    .target(
      name: "LintelQuantise",
      dependencies: ["CPlatform", "LintelCore", "LintelWeights", "LintelKernels"],
      path: "Sources/Quantise",
      swiftSettings: [.unsafeFlags(machine + ["-Xcc", "-D_GNU_SOURCE=1"])]),
    .executableTarget(
      name: "lintel",
      dependencies: [
        "CLintel", "LintelExports", "LintelDeployment", "LintelCore", "LintelQuantise", "CPNG",
        "CJPEG",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Sources/lintel",
      swiftSettings: [.unsafeFlags(["-parse-as-library", "-Xcc", "-D_GNU_SOURCE=1"])]),
    suite("Core", ["LintelCore"]),
    suite("Text", ["LintelCore", "LintelText"]),
    suite("Sampling", ["LintelCore", "LintelSampling"]),
    suite("Structure", ["LintelCore", "LintelText", "LintelStructure"]),
    suite(
      "Kernels", ["CPlatform", "LintelCore", "LintelKernels"],
      exclude: ["gguf_vectors.py", "objects.sh"]),
    suite(
      "Parity",
      ["CLintel", "LintelKernels", "LintelModel", "LintelSession", "LintelExports"]),
    suite(
      "Vision",
      ["CPlatform", "CLintel", "CPNG", "LintelCore", "LintelKernels", "LintelExports"]),
    suite("Model", ["CPlatform", "CLintel", "LintelCore", "LintelKernels", "LintelExports"]),
  ]
)
