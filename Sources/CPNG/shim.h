/* libpng's simplified reading, for the tool. */
#ifndef LINTEL_CPNG_SHIM_H
#define LINTEL_CPNG_SHIM_H

#include <png.h>
#include <stdint.h>
#include <string.h>

/* The size of the picture in `bytes`; 0 and libpng's sentence in `message` if there is none. */
static inline int lt_png_begin(png_image *image, const void *bytes, size_t count, char message[64]) {
  memset(image, 0, sizeof *image);
  image->version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(image, bytes, count)) {
    memcpy(message, image->message, 64);
    return 0;
  }
  image->format = PNG_FORMAT_RGB;
  return 1;
}

/* Reads it into rows of width * 3 bytes, over what is there where it is transparent. */
static inline int lt_png_finish(png_image *image, void *pixels, char message[64]) {
  if (png_image_finish_read(image, NULL, pixels, (png_int_32)(image->width * 3), NULL)) return 1;
  memcpy(message, image->message, 64);
  return 0;
}

#endif
