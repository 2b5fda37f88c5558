// SPDX-License-Identifier: Apache-2.0
// A memory on the AXI4 port `memory` of a Verilated Vtop, and a judge of the port's rules
// (IHI 0022: A3.2.1 handshake, A3.4.1 bursts). Answers are in order; what was never written reads as
// a pattern that is not zero. Before each rising edge: drive(), evaluate with the clock low,
// observe().

#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "Vtop.h"

using Byte = unsigned char;

class Chance {  // xorshift64*, one draw a question
  public:
    Chance(uint64_t seed, double share)
        : state_((seed * 0x9E3779B97F4A7C15ULL + 0x1234567ULL) | 1), limit_(share * 4294967296.0) {}
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

class AxiMemory {
  public:
    static constexpr uint64_t PAGE = 4096;
    static constexpr uint64_t BEAT = sizeof(Vtop::memory___05Frdata);
    static constexpr Byte UNWRITTEN = 0xA5;

    AxiMemory(Vtop& top, uint64_t seed) : top_(top) { set(0, 0, 8, seed); }

    void set(uint64_t latency, double stall, uint64_t outstanding, uint64_t seed) {
        latency_ = latency;
        outstanding_ = outstanding;
        for (size_t i = 0; i < pause_.size(); i++) pause_[i] = Chance(seed + i, stall);
    }

    void fail(uint64_t beat, int beat_response, uint64_t burst, int burst_response) {
        failing_beat_ = beat, beat_response_ = beat_response;
        failing_burst_ = burst, burst_response_ = burst_response;
    }

    struct Region {
        uint64_t address, bytes;
    };

    // What the master of this identifier may touch from here on; once: each byte it reads, once.
    void watch(uint64_t id, bool once, std::vector<Region> reads, std::vector<Region> writes) {
        if (id >= MASTERS) return broken("there is no master " + std::to_string(id));
        Watch& watch = watches_[id];
        watch = Watch{};
        if (once) watch.seen.assign(reads.front().bytes, 0);
        watch.reads = std::move(reads), watch.writes = std::move(writes);
    }

    bool good() const { return reason_.empty(); }
    const std::string& reason() const { return reason_; }
    void broken(const std::string& reason) {
        if (good()) reason_ = reason;
    }

    void load(uint64_t address, const std::vector<Byte>& bytes) {
        for (size_t i = 0; i < bytes.size(); i++) *at(address + i) = bytes[i];
    }

    std::vector<Byte> dump(uint64_t address, uint64_t length) {
        std::vector<Byte> bytes(length);
        for (size_t i = 0; i < length; i++) bytes[i] = *at(address + i);
        return bytes;
    }

    // All of the memory that is anything: for each page its address, 8 bytes little-endian, and its content.
    std::vector<Byte> pages() const {
        std::vector<Byte> bytes;
        for (const auto& [number, page] : pages_) {
            for (int i = 0; i < 8; i++) bytes.push_back(number * PAGE >> 8 * i & 0xFF);
            bytes.insert(bytes.end(), page->begin(), page->end());
        }
        return bytes;
    }

    void forget() { pages_.clear(); }

    std::string activity(uint64_t id) const {
        const Watch& watch = watches_[id % MASTERS];
        uint64_t unread = 0;
        for (const bool seen : watch.seen) unread += !seen;
        std::ostringstream text;
        text << " read_bursts=" << watch.read_bursts << " read_beats=" << watch.read_beats
             << " write_bursts=" << watch.write_bursts << " written=" << watch.written
             << " unread=" << unread << " bursts_after_error=" << watch.bursts_after_error
             << " failed=" << watch.failed << " under_way=" << reads_.size() + addresses_.size() + answers_.size();
        return text.str();
    }

    void reset() {
        reads_.clear(), addresses_.clear(), beats_.clear(), answers_.clear();
        r_valid_ = b_valid_ = false;
        ar_held_ = aw_held_ = w_held_ = false;
        written_beats_ = 0;
        top_.memory___05Farready = top_.memory___05Fawready = top_.memory___05Fwready = 0;
        top_.memory___05Frvalid = top_.memory___05Fbvalid = 0;
        top_.memory___05Frid = top_.memory___05Fbid = 0;
    }

    void drive(uint64_t cycle) {
        top_.memory___05Farready = reads_.size() < outstanding_ && !pause_[0]();
        top_.memory___05Fawready = addresses_.size() + answers_.size() < outstanding_ && !pause_[1]();
        top_.memory___05Fwready = !pause_[2]();
        if (!r_valid_ && !reads_.empty() && reads_.front().from <= cycle && !pause_[3]()) offer_read();
        if (!b_valid_ && !answers_.empty() && answers_.front().from <= cycle && !pause_[4]()) {
            b_valid_ = true;
            top_.memory___05Fbresp = answers_.front().response;
            top_.memory___05Fbid = answers_.front().id;
        }
        top_.memory___05Frvalid = r_valid_;
        top_.memory___05Fbvalid = b_valid_;
    }

    void observe(uint64_t cycle) {
        if (top_.memory___05Frvalid && top_.memory___05Frready) take_read();
        if (top_.memory___05Fbvalid && top_.memory___05Fbready) {
            if (answers_.front().response >= 2) watches_[answers_.front().id].failed = true;
            answers_.pop_front();
            b_valid_ = false;
        }
        if (top_.memory___05Farvalid || ar_held_) observe_read_address(cycle);
        if (top_.memory___05Fawvalid || aw_held_) observe_write_address();
        if (top_.memory___05Fwvalid || w_held_) observe_data();
        while (!addresses_.empty() && !beats_.empty()) store(cycle);
    }

  private:
    struct Burst {
        uint64_t address, beats, from, size, type, id;
        uint64_t attributes;  // lock, cache, prot, qos
        bool operator==(const Burst& other) const {
            return address == other.address && beats == other.beats && size == other.size &&
                   type == other.type && id == other.id && attributes == other.attributes;
        }
    };
    struct Data {
        std::array<Byte, BEAT> bytes;
        uint32_t strobes;
        bool last;
        bool operator==(const Data& other) const {
            return bytes == other.bytes && strobes == other.strobes && last == other.last;
        }
    };
    struct Answer {
        int response;
        uint64_t from, id;
    };
    struct Watch {
        std::vector<Region> reads, writes;
        std::vector<bool> seen;  // of the one region that is read once
        uint64_t read_bursts = 0, read_beats = 0, write_bursts = 0, written = 0;
        uint64_t bursts_after_error = 0;
        bool failed = false;  // an error was answered
    };
    static constexpr uint64_t MASTERS = 2;

    Vtop& top_;
    std::unordered_map<uint64_t, std::unique_ptr<std::array<Byte, PAGE>>> pages_;
    std::string reason_;
    uint64_t latency_ = 0, outstanding_ = 8;
    std::array<Chance, 5> pause_{Chance(1, 0), Chance(1, 0), Chance(1, 0), Chance(1, 0), Chance(1, 0)};
    uint64_t failing_beat_ = 0, failing_burst_ = 0;  // to go; 0: none
    int beat_response_ = 0, burst_response_ = 0;
    std::array<Watch, MASTERS> watches_;

    std::deque<Burst> reads_, addresses_;
    std::deque<Data> beats_;
    std::deque<Answer> answers_;
    bool r_valid_ = false, b_valid_ = false;
    bool ar_held_ = false, aw_held_ = false, w_held_ = false;
    Burst ar_{}, aw_{};
    Data w_{};
    uint64_t written_beats_ = 0;  // of the first burst of addresses_

    Byte* at(uint64_t address) {
        auto& page = pages_[address / PAGE];
        if (!page) {
            page = std::make_unique<std::array<Byte, PAGE>>();
            page->fill(UNWRITTEN);
        }
        return page->data() + address % PAGE;
    }

    static std::string hex(uint64_t value) {
        std::ostringstream text;
        text << "0x" << std::hex << value;
        return text.str();
    }

    void offer_read() {
        Burst& burst = reads_.front();
        std::memcpy(&top_.memory___05Frdata, at(burst.address / BEAT * BEAT), BEAT);
        top_.memory___05Frlast = burst.beats == 1;
        top_.memory___05Frid = burst.id;
        top_.memory___05Frresp = failing_beat_ == 1 ? beat_response_ : 0;
        if (failing_beat_ == 1) {  // an error brings no data
            Byte* data = reinterpret_cast<Byte*>(&top_.memory___05Frdata);
            for (uint64_t i = 0; i < BEAT; i++) data[i] = ~data[i];
        }
        if (failing_beat_) failing_beat_--;
        r_valid_ = true;
    }

    void take_read() {
        Burst& burst = reads_.front();
        Watch& watch = watches_[burst.id];
        for (uint64_t i = 0; i < BEAT && !watch.seen.empty(); i++) {
            const uint64_t place = burst.address + i - watch.reads.front().address;
            if (place >= watch.seen.size()) continue;
            if (watch.seen[place]) broken("byte " + std::to_string(place) + " of the samples was read twice");
            watch.seen[place] = true;
        }
        watch.read_beats++;
        if (top_.memory___05Frresp >= 2) watch.failed = true;
        burst.address += BEAT;
        if (--burst.beats == 0) reads_.pop_front();
        r_valid_ = false;
    }

    static bool inside(const Region& region, uint64_t address, uint64_t bytes, uint64_t unit) {
        const uint64_t room = (region.bytes + unit - 1) / unit * unit;
        return address >= region.address && address + bytes <= region.address + room;
    }

    static bool inside(const std::vector<Region>& regions, uint64_t address, uint64_t bytes, uint64_t unit) {
        for (const Region& region : regions) {
            if (inside(region, address, bytes, unit)) return true;
        }
        return false;
    }

    static uint64_t attributes(uint64_t lock, uint64_t cache, uint64_t prot, uint64_t qos) {
        return lock << 11 | cache << 7 | prot << 4 | qos;
    }
    // no lock; normal memory, bufferable; unprivileged, secure, data; no quality of service
    static uint64_t agreed() { return attributes(0, 3, 0, 0); }

    void check(const std::string& name, const Burst& burst, bool read) {
        const uint64_t bytes = burst.beats * BEAT;
        const std::string where = name + " of " + std::to_string(burst.beats) + " beats at " + hex(burst.address);
        if (burst.address % BEAT) broken(where + " is not aligned");
        if (burst.address / PAGE != (burst.address + bytes - 1) / PAGE) broken(where + " crosses 4 KiB");
        if (burst.type != 1 || (1ULL << burst.size) != BEAT || burst.id >= MASTERS ||
            burst.attributes != agreed()) {
            return broken(where + " is not of the kind that was agreed");
        }
        const Watch& watch = watches_[burst.id];
        const std::vector<Region>& regions = read ? watch.reads : watch.writes;
        if (inside(regions, burst.address, bytes, BEAT)) return;
        std::string legal;
        for (const Region& region : regions) {
            legal += (legal.empty() ? "" : " or ") + std::to_string(region.bytes) + " bytes at " + hex(region.address);
        }
        broken(where + " is outside of the job's " + (legal.empty() ? "nothing" : legal));
    }

    void observe_read_address(uint64_t cycle) {
        const Burst now{top_.memory___05Faraddr, top_.memory___05Farlen + 1ULL, cycle + 1 + latency_,
                        top_.memory___05Farsize, top_.memory___05Farburst, top_.memory___05Farid,
                        attributes(top_.memory___05Farlock, top_.memory___05Farcache,
                                   top_.memory___05Farprot, top_.memory___05Farqos)};
        if (!top_.memory___05Farvalid) return broken("arvalid fell before arready");
        if (ar_held_ && !(now == ar_)) broken("the read address changed while it waited");
        if (!ar_held_) check("read", now, true);
        ar_held_ = !top_.memory___05Farready;
        ar_ = now;
        if (ar_held_) return;
        if (!good()) return;
        watches_[now.id].read_bursts++;
        watches_[now.id].bursts_after_error += watches_[now.id].failed;
        reads_.push_back(now);
    }

    void observe_write_address() {
        const Burst now{top_.memory___05Fawaddr, top_.memory___05Fawlen + 1ULL, 0,
                        top_.memory___05Fawsize, top_.memory___05Fawburst, top_.memory___05Fawid,
                        attributes(top_.memory___05Fawlock, top_.memory___05Fawcache,
                                   top_.memory___05Fawprot, top_.memory___05Fawqos)};
        if (!top_.memory___05Fawvalid) return broken("awvalid fell before awready");
        if (aw_held_ && !(now == aw_)) broken("the write address changed while it waited");
        if (!aw_held_) check("write", now, false);
        aw_held_ = !top_.memory___05Fawready;
        aw_ = now;
        if (aw_held_) return;
        if (!good()) return;
        watches_[now.id].write_bursts++;
        watches_[now.id].bursts_after_error += watches_[now.id].failed;
        addresses_.push_back(now);
    }

    void observe_data() {
        Data now{};
        std::memcpy(now.bytes.data(), &top_.memory___05Fwdata, BEAT);
        now.strobes = top_.memory___05Fwstrb;
        now.last = top_.memory___05Fwlast;
        if (!top_.memory___05Fwvalid) return broken("wvalid fell before wready");
        if (w_held_ && !(now == w_)) broken("the data changed while they waited");
        w_held_ = !top_.memory___05Fwready;
        w_ = now;
        if (!w_held_) beats_.push_back(now);
    }

    void store(uint64_t cycle) {
        const Burst& burst = addresses_.front();
        const Data& data = beats_.front();
        const uint64_t address = burst.address + written_beats_ * BEAT;
        const bool fails = failing_burst_ == 1;
        for (uint64_t i = 0; i < BEAT; i++) {
            if (!(data.strobes >> i & 1)) continue;
            if (!inside(watches_[burst.id].writes, address + i, 1, 1)) {
                broken("byte " + hex(address + i) + " beyond the result was written");
            }
            if (fails) continue;
            *at(address + i) = data.bytes[i];
            watches_[burst.id].written++;
        }
        written_beats_++;
        if (data.last != (written_beats_ == burst.beats)) {
            broken("wlast is " + std::to_string(data.last) + " in beat " + std::to_string(written_beats_) +
                   " of " + std::to_string(burst.beats));
        }
        if (data.last) {
            answers_.push_back({fails ? burst_response_ : 0, cycle + 1 + latency_, burst.id});
            if (failing_burst_) failing_burst_--;
            addresses_.pop_front();
            written_beats_ = 0;
        }
        beats_.pop_front();
    }
};
