// Which instruction sets the files of this folder are compiled for. Include it before Highway's
// headers.
#pragma once

// The project's baseline, x86-64-v3, is AVX2 without AES and CLMUL, which nothing here uses; with
// this macro Highway takes AVX2 as its own baseline and compiles no older target. AVX-512 is chosen
// at run time.
#define HWY_DISABLE_PCLMUL_AES
