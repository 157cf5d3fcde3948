# make            build/liblintel.a, the shipped archive, and the lintel tool
# make test       everything that proves them
# make aarch64    build/aarch64/liblintel.a and the examples for 64-bit Arm Linux, cross-built
# make headunit   build/headunit/linteld, the service in Examples/headunit; make test-headunit
# make install    PREFIX=/usr/local

PREFIX ?= /usr/local
SWIFT ?= swift
CC ?= gcc
LD ?= ld
AR ?= ar
OBJCOPY ?= $(shell dirname $$(readlink -f $$(command -v $(SWIFT))))/llvm-objcopy
EMBEDDED := .build-embedded
CFLAGS ?= -O2 -std=c11 -Wall -Wextra -Wpedantic

EXPORTS := Include/lintel.exports
SOURCES := $(shell find Sources Include -name '*.swift' -o -name '*.h') Package.swift

all: build/liblintel.a tool

tool:
	$(SWIFT) build -c release --product lintel
	mkdir -p build && ln -sf ../.build/release/lintel build/lintel

# Two objects with only lintel_* visible: what is not reachable from them is dropped. Deployments are
# one of their own, a client of the other, so that only their users link libcjson.
deployment_symbols := grep '^lintel_deployment_' $(EXPORTS)
engine_symbols := grep -v '^lintel_deployment_' $(EXPORTS)

build/liblintel.a: $(SOURCES) $(EXPORTS)
	$(SWIFT) build -c release --traits Embedded --product lintel-archive --scratch-path $(EMBEDDED)
	$(SWIFT) build -c release --traits Embedded --product lintel-deployment --scratch-path $(EMBEDDED)
	mkdir -p build
	$(LD) -r --gc-sections $$($(engine_symbols) | sed 's/^/-u /') -o build/whole.o \
	  $(EMBEDDED)/release/liblintel-archive.a
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(EXPORTS) build/whole.o build/lintel.o
	$(LD) -r --gc-sections $$($(deployment_symbols) | sed 's/^/-u /') -o build/whole.o \
	  $(EMBEDDED)/release/liblintel-deployment.a
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(EXPORTS) build/whole.o build/deployment.o
	rm -f $@ build/whole.o && $(AR) rcs $@ build/lintel.o build/deployment.o

build/applications: LIBRARIES := -lcjson
build/%: Examples/%.c build/liblintel.a
	$(CC) $(CFLAGS) -IInclude $< build/liblintel.a $(LIBRARIES) -lm -lpthread -o $@

build/%: Tests/Bench/%.c build/liblintel.a
	$(CC) $(CFLAGS) -IInclude $< build/liblintel.a -lm -lpthread -o $@

examples: build/minimal build/streaming build/applications

test: all examples
	Tests/run

# 64-bit Arm Linux from any machine: the toolchain's bare-metal library with Linux headers. The
# object of an Embedded module holds all that it uses of the modules below: only the last is built.
ARM := build/aarch64
ARM_TOOLS ?= aarch64-linux-gnu-
ARM_HEADERS ?= /usr/aarch64-linux-gnu/include
CJSON_HEADERS ?= /usr/include/cjson
ARM_LAYERS := Core Weights Kernels Text Sampling Structure Model Vision Session
ARM_SWIFTC = $(SWIFT)c -target aarch64-none-none-elf -swift-version 6 -O -wmo -parse-as-library \
  -enable-experimental-feature Embedded -package-name lintel -Xfrontend -function-sections \
  -Xfrontend -disable-stack-protector -I $(ARM) -I Include -I Sources/CPlatform \
  $(addprefix -Xcc ,-D__linux__=1 -D__gnu_linux__=1 -D__unix__=1 -isystem $(ARM_HEADERS))
ARM_MACHINE := -Xcc -march=armv8-a
ARM_WIDE := -Xcc -march=armv8.2-a+dotprod
swift_files = $$(find -L $(1) -name '*.swift')

aarch64: $(ARM)/liblintel.a $(ARM)/minimal $(ARM)/streaming

$(ARM)/exports.o: $(SOURCES)
	mkdir -p $(ARM)
	for layer in $(ARM_LAYERS); do $(ARM_SWIFTC) $(ARM_MACHINE) -no-allocations \
	  -module-name Lintel$$layer -emit-module -emit-module-path $(ARM)/Lintel$$layer.swiftmodule \
	  $(call swift_files,Sources/$$layer) || exit 1; done
	$(ARM_SWIFTC) $(ARM_MACHINE) -no-allocations -module-name LintelExports -c -o $@ \
	  $(call swift_files,Sources/Exports)

# libcjson's header is the same for every machine; the library itself is the target's.
$(ARM)/configuration.o: $(ARM)/exports.o
	mkdir -p $(ARM)/include
	ln -sfn $(CJSON_HEADERS) $(ARM)/include/cjson
	$(ARM_SWIFTC) $(ARM_MACHINE) -no-allocations -I Sources/CcJSON -Xcc -isystem -Xcc $(ARM)/include \
	  -module-name LintelDeployment -c -o $@ $(call swift_files,Sources/Deployment)

$(ARM)/wide.o: $(SOURCES)
	mkdir -p $(ARM)
	$(ARM_SWIFTC) $(ARM_WIDE) -no-allocations -module-name LintelKernelsWide -c -o $@ \
	  $(call swift_files,Sources/KernelsWide)
	$(OBJCOPY) --keep-global-symbol=lt_product_wide $@

$(ARM)/liblintel.a: $(ARM)/exports.o $(ARM)/wide.o $(ARM)/configuration.o $(EXPORTS)
	$(ARM_TOOLS)ld -r --gc-sections $$($(engine_symbols) | sed 's/^/-u /') -o $(ARM)/whole.o \
	  $(ARM)/exports.o $(ARM)/wide.o
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(EXPORTS) $(ARM)/whole.o $(ARM)/lintel.o
	$(ARM_TOOLS)ld -r --gc-sections $$($(deployment_symbols) | sed 's/^/-u /') -o $(ARM)/whole.o \
	  $(ARM)/configuration.o
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(EXPORTS) $(ARM)/whole.o $(ARM)/deployment.o
	rm -f $@ $(ARM)/whole.o && $(AR) rcs $@ $(ARM)/lintel.o $(ARM)/deployment.o

$(ARM)/%: Examples/%.c $(ARM)/liblintel.a
	$(ARM_TOOLS)gcc $(CFLAGS) -static -IInclude $< $(ARM)/liblintel.a -lm -lpthread -o $@

# The kernels' own test, with the modules that $(ARM)/exports.o has left.
KERNEL_TEST := $(addprefix Tests/,Arm/Kernels.swift KernelsTests/Agreement.swift \
  KernelsTests/Fixtures.swift KernelsTests/Reference.swift)
$(ARM)/kernels: $(KERNEL_TEST) $(ARM)/exports.o $(ARM)/wide.o
	$(ARM_SWIFTC) $(ARM_MACHINE) -module-name ArmKernels -c -o $(ARM)/kernels.o $(KERNEL_TEST)
	$(OBJCOPY) --keep-global-symbol=main $(ARM)/kernels.o
	$(ARM_TOOLS)gcc -static $(ARM)/kernels.o $(ARM)/wide.o -lm -o $@

test-aarch64: aarch64 $(ARM)/kernels
	Tests/run aarch64

# The head unit's daemon: libmicrohttpd and libcjson; libsystemd and libmosquitto where they are.
HEADUNIT := Examples/headunit
HEADUNIT_FILES := $(wildcard $(HEADUNIT)/*.c $(HEADUNIT)/*.h)
HEADUNIT_SYSTEMD := $(wildcard /usr/include/systemd/sd-journal.h)
HEADUNIT_MOSQUITTO := $(wildcard /usr/include/mosquitto.h)
HEADUNIT_FLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror -IInclude \
  $(if $(HEADUNIT_SYSTEMD),-DLINTELD_SYSTEMD) $(if $(HEADUNIT_MOSQUITTO),-DLINTELD_MOSQUITTO)
HEADUNIT_LIBRARIES := build/liblintel.a -lmicrohttpd -lcjson $(if $(HEADUNIT_SYSTEMD),-lsystemd) \
  $(if $(HEADUNIT_MOSQUITTO),-lmosquitto) -lm -lpthread

headunit: build/headunit/linteld

build/headunit/linteld: $(HEADUNIT_FILES) build/liblintel.a
	mkdir -p build/headunit
	$(CC) -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -pie -Wl,-z,relro,-z,now \
	  $(HEADUNIT_FLAGS) $(HEADUNIT)/*.c $(HEADUNIT_LIBRARIES) -o $@

# With the address, leak and undefined-behaviour sanitizers, for the same tests.
build/headunit/linteld-checked: $(HEADUNIT_FILES) build/liblintel.a
	mkdir -p build/headunit
	$(CC) -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer $(HEADUNIT_FLAGS) \
	  $(HEADUNIT)/*.c $(HEADUNIT_LIBRARIES) -o $@

test-headunit: headunit build/headunit/linteld-checked
	$(HEADUNIT)/tests/run

install: all
	install -D -m 644 build/liblintel.a $(DESTDIR)$(PREFIX)/lib/liblintel.a
	install -D -m 644 Include/lintel.h $(DESTDIR)$(PREFIX)/include/lintel.h
	install -D -m 755 .build/release/lintel $(DESTDIR)$(PREFIX)/bin/lintel
	install -D -m 644 Examples/Cabin/cabin.gguf $(DESTDIR)$(PREFIX)/share/lintel/cabin.gguf
	install -D -m 644 Examples/deployment.schema.json \
	  $(DESTDIR)$(PREFIX)/share/lintel/deployment.schema.json

clean:
	rm -rf build .build $(EMBEDDED)

.PHONY: all tool examples test aarch64 test-aarch64 headunit test-headunit install clean
