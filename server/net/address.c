/* Remote addresses. The table is searched from end to end: it is as long as there are different addresses connected,
 * and only connecting and leaving look at it. */
#include "server/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef struct Entry {
    VvAddress address;
    int held[VV_HELD_COUNT];
} Entry;

struct VvAddresses {
    int capacity, count;
    Entry entries[];
};

static VvAddress from_v4(uint32_t address) {
    return (VvAddress){.prefix = address, .loopback = address >> 24 == 127};
}

VvAddress vv_address_from(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4 = {0};
        memcpy(&v4, address, sizeof v4);
        return from_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return from_v4(0);
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    const uint8_t *bytes = v6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return from_v4((uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 | (uint32_t)bytes[14] << 8 | bytes[15]);
    uint64_t prefix = 0;
    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | bytes[i];
    return (VvAddress){.prefix = prefix, .v6 = true, .loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)};
}

VvAddress vv_address_of_peer(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &size))
        return from_v4(0);
    return vv_address_from((const struct sockaddr *)&address);
}

VvAddresses *vv_addresses_new(int capacity) {
    VvAddresses *addresses = calloc(1, sizeof *addresses + (size_t)capacity * sizeof *addresses->entries);
    if (addresses)
        addresses->capacity = capacity;
    return addresses;
}

void vv_addresses_free(VvAddresses **addresses) {
    free(*addresses);
    *addresses = NULL;
}

/* Its place, or that of the next new one. */
static int find(const VvAddresses *addresses, const VvAddress *address) {
    int i = 0;
    while (i < addresses->count && (addresses->entries[i].address.prefix != address->prefix ||
                                    addresses->entries[i].address.v6 != address->v6 ||
                                    addresses->entries[i].address.loopback != address->loopback))
        i++;
    return i;
}

int vv_addresses_count(const VvAddresses *addresses, const VvAddress *address, VvHeld held) {
    const int i = find(addresses, address);
    return i < addresses->count ? addresses->entries[i].held[held] : 0;
}

bool vv_addresses_add(VvAddresses *addresses, const VvAddress *address, VvHeld held) {
    const int i = find(addresses, address);
    if (i == addresses->capacity)
        return false;
    if (i == addresses->count)
        addresses->entries[addresses->count++] = (Entry){.address = *address};
    addresses->entries[i].held[held]++;
    return true;
}

void vv_addresses_remove(VvAddresses *addresses, const VvAddress *address, VvHeld held) {
    const int i = find(addresses, address);
    if (i == addresses->count)
        return;
    Entry *entry = &addresses->entries[i];
    entry->held[held]--;
    for (int j = 0; j < VV_HELD_COUNT; j++)
        if (entry->held[j] > 0)
            return;
    *entry = addresses->entries[--addresses->count];
}
