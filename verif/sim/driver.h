// SPDX-License-Identifier: Apache-2.0
// What driver.cpp knows of a block; the generated binding.cpp of each block fills it in. The driver
// itself is the same for all blocks and compiled once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

class VerilatedContext;

using Byte = unsigned char;

struct Stream {
    std::string name;
    bool input;
    bool plain;
    void* payload;
    size_t bytes;
    Byte* valid;  // null if always valid
    Byte* ready;  // null if always ready

    std::vector<Byte> data{};
    size_t beats = 0;     // to play, or expected
    size_t done = 0;      // transferred
    bool offered = false;  // input: valid is up; output: was valid and not taken
    std::vector<Byte> held{};
    uint64_t first = 0, last = 0, stalled = 0, starved = 0;

    bool is_valid() const { return valid == nullptr || *valid != 0; }
    bool is_ready() const { return ready == nullptr || *ready != 0; }
    bool finished() const { return done >= beats; }
};

struct Model {
    virtual ~Model() = default;
    virtual void eval() = 0;

    std::vector<Stream> streams{};
    Byte unused = 0;
    Byte* clock = &unused;  // a block without registers has neither
    Byte* reset = &unused;
};

std::unique_ptr<Model> make_model(VerilatedContext* context);
