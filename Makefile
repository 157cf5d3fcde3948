# make            build/liblintel.a, the shipped archive, and the lintel tool
# make test       everything that proves them
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

# One object with only lintel_* visible: what is not reachable from them is dropped.
build/liblintel.a: $(SOURCES) $(EXPORTS)
	$(SWIFT) build -c release --traits Embedded --product lintel-archive --scratch-path $(EMBEDDED)
	mkdir -p build
	$(LD) -r --gc-sections $$(sed 's/^/-u /' $(EXPORTS)) -o build/whole.o $(EMBEDDED)/release/liblintel-archive.a
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(EXPORTS) build/whole.o build/lintel.o
	rm -f $@ build/whole.o && $(AR) rcs $@ build/lintel.o

build/%: Examples/%.c build/liblintel.a
	$(CC) $(CFLAGS) -IInclude $< build/liblintel.a -lm -lpthread -o $@

examples: build/minimal build/streaming

test: all examples
	Tests/run

install: all
	install -D -m 644 build/liblintel.a $(DESTDIR)$(PREFIX)/lib/liblintel.a
	install -D -m 644 Include/lintel.h $(DESTDIR)$(PREFIX)/include/lintel.h
	install -D -m 755 .build/release/lintel $(DESTDIR)$(PREFIX)/bin/lintel
	install -D -m 644 Examples/Cabin/cabin.gguf $(DESTDIR)$(PREFIX)/share/lintel/cabin.gguf

clean:
	rm -rf build .build $(EMBEDDED)

.PHONY: all tool examples test install clean
