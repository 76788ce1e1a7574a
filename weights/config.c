/* The config's values, each of its kind and within its bounds; and the texts. */
#include "weights/internal.h"

#include <math.h>
#include <string.h>

const char *vv_weights_config(const VvWeights *weights) {
    return weights->config;
}

const char *vv_weights_provenance(const VvWeights *weights) {
    return weights->provenance;
}

const char *vv_weights_checksum(const VvWeights *weights) {
    return weights->checksum;
}

/* The value at a path with dots; NULL if there is none. */
static const json_t *find(const VvWeights *weights, const char *key) {
    const json_t *value = weights->config_values;
    while (value && *key) {
        const size_t length = strcspn(key, ".");
        value = json_object_getn(value, key, length);
        key += length;
        key += *key == '.';
    }
    return value;
}

static VvWeightsError missing(const VvWeights *weights, const char *key, VvWeightsProblem *problem) {
    return vv_weights_fail(problem, weights->label, VV_WEIGHTS_MISSING_KEY, "the config has no %s", key);
}

VvWeightsError vv_weights_int(const VvWeights *weights, const char *key, int64_t least, int64_t most, int64_t *value,
                              VvWeightsProblem *problem) {
    const json_t *found = find(weights, key);
    if (!found)
        return missing(weights, key, problem);
    const int64_t whole = json_integer_value(found);
    if (!json_is_integer(found) || whole < least || whole > most)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_VALUE,
                               "the config's %s is not a whole number from %lld to %lld", key, (long long)least,
                               (long long)most);
    *value = whole;
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_real(const VvWeights *weights, const char *key, double least, double most, double *value,
                               VvWeightsProblem *problem) {
    const json_t *found = find(weights, key);
    if (!found)
        return missing(weights, key, problem);
    const double number = json_number_value(found);
    if (!json_is_number(found) || !(number >= least && number <= most))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_VALUE,
                               "the config's %s is not a number from %g to %g", key, least, most);
    *value = number;
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_bool(const VvWeights *weights, const char *key, bool *value, VvWeightsProblem *problem) {
    const json_t *found = find(weights, key);
    if (!found)
        return missing(weights, key, problem);
    if (!json_is_boolean(found))
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_VALUE,
                               "the config's %s is neither true nor false", key);
    *value = json_is_true(found);
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_string(const VvWeights *weights, const char *key, size_t most, const char **value,
                                 VvWeightsProblem *problem) {
    const json_t *found = find(weights, key);
    if (!found)
        return missing(weights, key, problem);
    if (!json_is_string(found) || json_string_length(found) > most)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_VALUE,
                               "the config's %s is not a text of at most %zu bytes", key, most);
    *value = json_string_value(found);
    return VV_WEIGHTS_OK;
}

VvWeightsError vv_weights_ints(const VvWeights *weights, const char *key, int64_t least, int64_t most, int64_t *values,
                               size_t room, size_t *count, VvWeightsProblem *problem) {
    const json_t *found = find(weights, key);
    if (!found)
        return missing(weights, key, problem);
    bool good = json_is_array(found) && json_array_size(found) <= room;
    size_t i;
    const json_t *item;
    json_array_foreach(found, i, item) {
        good = good && json_is_integer(item) && json_integer_value(item) >= least && json_integer_value(item) <= most;
    }
    if (!good)
        return vv_weights_fail(problem, weights->label, VV_WEIGHTS_WRONG_VALUE,
                               "the config's %s is not a list of at most %zu whole numbers from %lld to %lld", key,
                               room, (long long)least, (long long)most);
    for (i = 0; i < json_array_size(found); i++)
        values[i] = json_integer_value(json_array_get(found, i));
    *count = json_array_size(found);
    return VV_WEIGHTS_OK;
}
