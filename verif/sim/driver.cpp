// SPDX-License-Identifier: Apache-2.0
// Plays whole input streams into a Verilated block and records its output streams.
//
//   driver FOLDER SEED IDLE BACKPRESSURE TIMEOUT [NAME=BEATS | PORT:VALUE]...
//
// Reads FOLDER/NAME.bin for each input, writes FOLDER/NAME.bin for each output and FOLDER/report.json.
// A plain port is a stream without handshake: one value a cycle from the end of reset on, after which
// an input keeps its last value and an output is no longer looked at. A beat is as many whole bytes as the payload needs, lowest first (the host is
// little-endian, as are Verilator's words). Exit status 3: stuck, a broken stream rule, or surplus
// beats; the sentence on standard error says which.
//
// Each cycle: clock low, inputs set, evaluate, judge every handshake, clock high, evaluate.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "driver.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

namespace {

class Chance {  // xorshift64*, one draw a question
  public:
    Chance(uint64_t seed, double share)
        : state_(seed * 0x9E3779B97F4A7C15ULL + 0x1234567ULL | 1), limit_(share * 4294967296.0) {}
    bool operator()() {
        if (limit_ == 0) return false;
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return (state_ * 0x2545F4914F6CDD1DULL) >> 32 < limit_;
    }

  private:
    uint64_t state_, limit_;
};

[[noreturn]] void fail(const std::string& message) {
    std::cerr << message << "\n";
    std::exit(3);
}

std::string progress(const std::vector<Stream>& streams) {
    std::ostringstream text;
    for (const Stream& s : streams) {
        if (s.finished()) continue;
        text << (s.input ? "; input '" : "; output '") << s.name << "' " << s.done << " of " << s.beats
             << " beats, valid " << s.is_valid() << ", ready " << s.is_ready();
    }
    return text.str();
}

void take_beat(Stream& s) {  // an output beat that moves in this cycle
    if (s.finished()) {
        fail("output '" + s.name + "' gave more than the expected " + std::to_string(s.beats) + " beats");
    }
    std::memcpy(s.data.data() + s.done * s.bytes, s.payload, s.bytes);
}

void check_held(Stream& s) {  // rules for a beat that was offered and not taken
    if (!s.is_valid()) fail("output '" + s.name + "' took valid back before beat " + std::to_string(s.done));
    if (std::memcmp(s.held.data(), s.payload, s.bytes) != 0) {
        fail("output '" + s.name + "' changed the payload of waiting beat " + std::to_string(s.done));
    }
}

void load(Stream& s, const std::string& folder) {
    s.data.resize(s.beats * s.bytes);
    if (!s.input) return;
    std::ifstream file(folder + "/" + s.name + ".bin", std::ios::binary);
    file.read(reinterpret_cast<char*>(s.data.data()), s.data.size());
    if (static_cast<size_t>(file.gcount()) != s.data.size()) fail("input '" + s.name + "' is short");
}

void store(const std::vector<Stream>& streams, const std::string& folder, uint64_t cycles) {
    std::ofstream report(folder + "/report.json");
    report << "{\"cycles\": " << cycles << ", \"streams\": {";
    const char* separator = "";
    for (const Stream& s : streams) {
        if (!s.plain) {
            report << separator << "\"" << s.name << "\": {\"beats\": " << s.done
                   << ", \"first\": " << s.first << ", \"last\": " << s.last
                   << ", \"stalled\": " << s.stalled << ", \"starved\": " << s.starved << "}";
            separator = ", ";
        }
        if (s.input) continue;
        std::ofstream file(folder + "/" + s.name + ".bin", std::ios::binary);
        file.write(reinterpret_cast<const char*>(s.data.data()), s.data.size());
        if (!file) fail("cannot write " + folder);
    }
    report << "}}\n";
    if (!report) fail("cannot write " + folder);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) fail("usage: driver FOLDER SEED IDLE BACKPRESSURE TIMEOUT ...");
    const std::string folder = argv[1];
    const uint64_t seed = std::strtoull(argv[2], nullptr, 10);
    Chance idle(seed, std::atof(argv[3])), backpressure(seed + 1, std::atof(argv[4]));
    const uint64_t timeout = std::strtoull(argv[5], nullptr, 10);

    auto context = std::make_unique<VerilatedContext>();
    context->randReset(2);
    context->randSeed(static_cast<int>(1 + seed % 0x7FFFFFFE));
    const std::unique_ptr<Model> model = make_model(context.get());
    std::vector<Stream>& streams = model->streams;
    for (const Stream& s : streams) {
        if (s.input) std::memset(s.payload, 0, s.bytes);
    }
    for (int i = 6; i < argc; i++) {
        const std::string word = argv[i];
        const size_t at = word.find_first_of("=:");
        const uint64_t value = std::strtoull(word.c_str() + at + 1, nullptr, 10);
        for (Stream& s : streams) {
            if (s.name != word.substr(0, at)) continue;
            if (word[at] == '=') {
                s.beats = value;
            } else {
                std::memcpy(s.payload, &value, s.bytes);
            }
        }
    }
    for (Stream& s : streams) {
        load(s, folder);
        s.held.resize(s.bytes);
        if (s.input && s.valid != nullptr) *s.valid = 0;
        if (!s.input && s.ready != nullptr) *s.ready = 0;
    }

    auto clock = [&](int level) {
        *model->clock = level;
        model->eval();
    };
    *model->reset = 1;
    for (int i = 0; i < 2; i++) {
        clock(0);
        clock(1);
    }
    *model->reset = 0;

    constexpr int SETTLE = 64;  // cycles after the last expected beat in which none may follow
    uint64_t cycle = 0, last = 0;
    for (int settling = 0; settling < SETTLE; cycle++) {
        bool moved = false, finished = true;
        for (Stream& s : streams) {
            if (s.input) {
                if (!s.offered && !s.finished() && (s.plain || !idle())) {
                    std::memcpy(s.payload, s.data.data() + s.done * s.bytes, s.bytes);
                    s.offered = true;
                    if (s.valid != nullptr) *s.valid = 1;
                }
            } else if (s.ready != nullptr) {
                *s.ready = !backpressure();
            }
        }
        clock(0);
        for (Stream& s : streams) {
            if (s.plain) {
                if (s.finished()) continue;
                if (!s.input) take_beat(s);
                s.done++;
                s.offered = false;
                last = cycle;
                finished &= s.finished();
                continue;
            }
            const bool ready = s.is_ready();
            if (s.input) {
                if (s.offered && ready) {
                    if (s.done++ == 0) s.first = cycle;
                    s.last = cycle;
                    s.offered = false;
                    moved = true;
                } else {
                    s.stalled += s.offered;
                    s.starved += !s.offered && ready;
                }
            } else {
                if (s.offered) check_held(s);
                const bool valid = s.is_valid();
                if (valid && ready) {
                    take_beat(s);
                    if (s.done++ == 0) s.first = cycle;
                    s.last = cycle;
                    moved = true;
                } else if (valid) {
                    std::memcpy(s.held.data(), s.payload, s.bytes);
                }
                s.offered = valid && !ready;
                s.stalled += s.offered;
                s.starved += ready && !valid;
            }
            finished &= s.finished();
        }
        clock(1);
        for (Stream& s : streams) {
            if (s.input && !s.offered && s.valid != nullptr) *s.valid = 0;
        }
        settling = finished ? settling + 1 : 0;
        if (moved) last = cycle;
        if (cycle - last > timeout) {
            fail("no beat moved for " + std::to_string(timeout) + " cycles, at cycle " +
                 std::to_string(cycle) + progress(streams));
        }
    }
    store(streams, folder, last + 1);
#if VM_COVERAGE
    if (const char* file = std::getenv("NMS_COVERAGE_FILE")) context->coveragep()->write(file);
#endif
    return 0;
}
