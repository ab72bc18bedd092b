// float16 and bfloat16 as bits, to and from float: JSON and people need it.
//
// IEEE 754-2008 binary16, and the upper half of binary32; both round to
// nearest, ties to even.
//
// Threads:  any; pure functions.

#ifndef CLIENT_CTL_HALF_H_
#define CLIENT_CTL_HALF_H_

#include <cstdint>

namespace ferry::client {

uint16_t Float16Bits(float number);
float Float16Value(uint16_t bits);

uint16_t Bfloat16Bits(float number);
float Bfloat16Value(uint16_t bits);

}  // namespace ferry::client

#endif  // CLIENT_CTL_HALF_H_
