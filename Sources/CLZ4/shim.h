#pragma once
/* liblz4: the frame format and its HC level. */
#include <lz4.h>
#include <lz4hc.h>
#include <lz4frame.h>
