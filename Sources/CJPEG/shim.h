/* Reading with libjpeg, for the tool: its errors jump, which Swift cannot, so the jump stays in here. */
#ifndef LINTEL_CJPEG_SHIM_H
#define LINTEL_CJPEG_SHIM_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf back;
  char *message;
} lt_jpeg_errors;

static void lt_jpeg_fail(j_common_ptr c) {
  lt_jpeg_errors *e = (lt_jpeg_errors *)c->err;
  e->base.format_message(c, e->message);
  longjmp(e->back, 1);
}
static void lt_jpeg_quiet(j_common_ptr c) { (void)c; }

/* The picture's size with pixels NULL; with pixels, width * height * 3 of them. 0 and libjpeg's sentence
 * in `message`, of JMSG_LENGTH_MAX (200) bytes, if it cannot be read. */
static inline int lt_jpeg_read(const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t *width,
                               uint32_t *height, char *message) {
  struct jpeg_decompress_struct c;
  lt_jpeg_errors errors;
  c.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = lt_jpeg_fail;
  errors.base.output_message = lt_jpeg_quiet;
  errors.message = message;
  if (setjmp(errors.back)) {
    jpeg_destroy_decompress(&c);
    return 0;
  }
  jpeg_create_decompress(&c);
  jpeg_mem_src(&c, bytes, (unsigned long)count);
  jpeg_read_header(&c, TRUE);
  *width = c.image_width;
  *height = c.image_height;
  if (pixels) {
    c.out_color_space = JCS_RGB;
    jpeg_start_decompress(&c);
    while (c.output_scanline < c.output_height) {
      JSAMPROW row = pixels + (size_t)c.output_scanline * c.output_width * 3;
      jpeg_read_scanlines(&c, &row, 1);
    }
    jpeg_finish_decompress(&c);
  }
  jpeg_destroy_decompress(&c);
  return 1;
}

#endif
