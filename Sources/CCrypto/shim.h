#pragma once
/* OpenSSL's libcrypto: SHA-256, Ed25519, random bytes. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/rand.h>
#include <openssl/crypto.h>
