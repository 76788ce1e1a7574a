/* Remote addresses, and how many sockets each of them holds. */
#ifndef VV_ADDRESS_H
#define VV_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* Whom limits are for: an IPv4 address, or the /64 that an IPv6 host has all to itself. */
typedef struct VvAddress {
    uint64_t prefix;
    bool v6;
    bool loopback; /* this machine */
} VvAddress;

/* IPv4 inside IPv6 counts as IPv4. Anything else than IP is taken as 0.0.0.0. */
VvAddress vv_address_from(const struct sockaddr *address);

/* The other end of a connected socket. */
VvAddress vv_address_of_peer(int fd);

typedef enum VvHeld { VV_HELD_SOCKETS, VV_HELD_CONNECTIONS, VV_HELD_COUNT } VvHeld;

/* A table of at most `capacity` addresses. One thread. NULL if out of memory. */
typedef struct VvAddresses VvAddresses;
VvAddresses *vv_addresses_new(int capacity);
void vv_addresses_free(VvAddresses **addresses);

/* How many of a kind an address holds now. */
int vv_addresses_count(const VvAddresses *addresses, const VvAddress *address, VvHeld held);

/* One more. False, and nothing counted, if the table is full. */
bool vv_addresses_add(VvAddresses *addresses, const VvAddress *address, VvHeld held);

/* One less; an address that holds nothing leaves the table. */
void vv_addresses_remove(VvAddresses *addresses, const VvAddress *address, VvHeld held);

#endif
