// SPDX-License-Identifier: Apache-2.0
// Runs the whole accelerator between an AXI4-Lite master and an AXI4 memory, told what to do on
// standard input, one line a command (verif/sim/top.py gives them):
//
//   top SEED TRACE_VALID_BIT...
//
//   write OFFSET VALUE            -> ok RESPONSE
//   read OFFSET                   -> ok RESPONSE VALUE
//   load ADDRESS BYTES <bytes>    -> ok
//   dump ADDRESS BYTES            -> ok BYTES <bytes>
//   pages                         -> ok PAGES BYTES <bytes>     of each its address, 8 bytes, and content
//   forget                        -> ok               all of the memory is as if never written
//   interrupt LIMIT               -> ok LEVEL         runs until the line is high, LIMIT cycles at most
//   step CYCLES                   -> ok
//   mutant NUMBER                 -> ok               only built with MUTANTS; 0: none
//   reset                         -> ok
//   memory LATENCY STALL OUTSTANDING SEED -> ok
//   fail READ_BEAT RESPONSE WRITE_BURST RESPONSE -> ok    counted from here on, from 1; 0: none
//   watch MASTER ONCE READS (ADDRESS BYTES)... WRITES (ADDRESS BYTES)... -> ok    the only memory that
//                                 this master may read (ONCE: each byte once) and write, from here on
//   activity MASTER               -> ok NAME=VALUE...   since its last watch
//   trace                         -> ok BEATS BYTES <bytes>
//
// The first broken rule of the bus is the answer to every command from then on: broken SENTENCE.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vtop.h"
#include "axi_memory.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

namespace {

class Simulator {
  public:
    Simulator(VerilatedContext* context, uint64_t seed, std::vector<int> trace_bits)
        : top_(context), memory_(top_, seed), pause_(seed + 99, 0), trace_bits_(std::move(trace_bits)) {
        reset();
    }

    AxiMemory& memory() { return memory_; }
    std::vector<Byte>& trace() { return trace_; }
    static constexpr size_t trace_bytes() { return sizeof(Vtop::observed); }
    uint64_t cycle() const { return cycle_; }
    bool interrupt() const { return top_.irq; }
    void stall(double share, uint64_t seed) { pause_ = Chance(seed + 99, share); }

    void reset() {
        top_.control___05Fawvalid = top_.control___05Fwvalid = top_.control___05Farvalid = 0;
        top_.control___05Fbready = top_.control___05Frready = 0;
        top_.control___05Fawprot = top_.control___05Farprot = 0;
        memory_.reset();
        top_.rst = 1;
        for (int i = 0; i < 3; i++) {
            clock(0);
            clock(1);
        }
        top_.rst = 0;
        clock(0);
        clock(1);  // the accelerator's own reset is a cycle late
    }

#ifdef MUTANTS
    void mutant(uint64_t number) { top_.mutant = number; }
#endif

    void step() {
        memory_.drive(cycle_);
        clock(0);
        memory_.observe(cycle_);
        address_taken_ = top_.control___05Fawvalid && top_.control___05Fawready;
        data_taken_ = top_.control___05Fwvalid && top_.control___05Fwready;
        answered_ = top_.control___05Fbvalid && top_.control___05Fbready;
        read_taken_ = top_.control___05Farvalid && top_.control___05Farready;
        read_answered_ = top_.control___05Frvalid && top_.control___05Frready;
        response_ = answered_ ? top_.control___05Fbresp : top_.control___05Frresp;
        value_ = top_.control___05Frdata;
        const Byte* traced = reinterpret_cast<const Byte*>(&top_.observed);
        for (const int bit : trace_bits_) {
            if (traced[bit >> 3] >> (bit & 7) & 1) {
                trace_.insert(trace_.end(), traced, traced + trace_bytes());
                break;
            }
        }
        clock(1);
        cycle_++;
    }

    int write(uint32_t offset, uint32_t value) {  // the response
        top_.control___05Fawaddr = offset;
        top_.control___05Fwdata = value;
        top_.control___05Fwstrb = 15;
        bool address = false, data = false;  // taken
        for (int waited = 0; waited < PATIENCE; waited++) {
            if (!address && !pause_()) top_.control___05Fawvalid = 1;
            if (!data && !pause_()) top_.control___05Fwvalid = 1;
            top_.control___05Fbready = !pause_();
            step();
            if (address_taken_) address = true, top_.control___05Fawvalid = 0;
            if (data_taken_) data = true, top_.control___05Fwvalid = 0;
            if (answered_) {
                top_.control___05Fbready = 0;
                if (!address || !data) memory_.broken("a register write was answered too early");
                return response_;
            }
        }
        memory_.broken("a register write got no answer");
        return 0;
    }

    int read(uint32_t offset, uint32_t* value) {
        top_.control___05Faraddr = offset;
        bool address = false;
        for (int waited = 0; waited < PATIENCE; waited++) {
            if (!address && !pause_()) top_.control___05Farvalid = 1;
            top_.control___05Frready = !pause_();
            step();
            if (read_taken_) address = true, top_.control___05Farvalid = 0;
            if (read_answered_) {
                top_.control___05Frready = 0;
                if (!address) memory_.broken("a register read was answered too early");
                *value = value_;
                return response_;
            }
        }
        memory_.broken("a register read got no answer");
        return 0;
    }

  private:
    static constexpr int PATIENCE = 100000;  // cycles
    Vtop top_;
    AxiMemory memory_;
    Chance pause_;
    std::vector<int> trace_bits_;
    std::vector<Byte> trace_;
    uint64_t cycle_ = 0;
    bool address_taken_ = false, data_taken_ = false, answered_ = false;
    bool read_taken_ = false, read_answered_ = false;
    int response_ = 0;
    uint32_t value_ = 0;

    void clock(int level) {
        top_.clk = level;
        top_.eval();
    }
};

std::vector<AxiMemory::Region> regions(std::istringstream& words) {
    size_t count = 0;
    words >> count;
    std::vector<AxiMemory::Region> found(words ? count : 0);
    for (auto& region : found) words >> region.address >> region.bytes;
    return found;
}

void obey(Simulator& simulator, const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    std::ostringstream answer;
    std::vector<Byte> bytes;
    if (command == "write") {
        uint32_t offset, value;
        words >> offset >> value;
        answer << " " << simulator.write(offset, value);
    } else if (command == "read") {
        uint32_t offset, value = 0;
        words >> offset;
        answer << " " << simulator.read(offset, &value);
        answer << " " << value;
    } else if (command == "load") {
        uint64_t address, length;
        words >> address >> length;
        bytes.resize(length);
        if (std::fread(bytes.data(), 1, length, stdin) != length) std::exit(1);
        simulator.memory().load(address, bytes);
        bytes.clear();
    } else if (command == "dump") {
        uint64_t address, length;
        words >> address >> length;
        bytes = simulator.memory().dump(address, length);
        answer << " " << length;
    } else if (command == "pages") {
        bytes = simulator.memory().pages();
        answer << " " << bytes.size() / (8 + AxiMemory::PAGE) << " " << 8 + AxiMemory::PAGE;
    } else if (command == "forget") {
        simulator.memory().forget();
    } else if (command == "interrupt") {
        uint64_t limit;
        words >> limit;
        const uint64_t end = simulator.cycle() + limit;
        while (!simulator.interrupt() && simulator.cycle() < end && simulator.memory().good()) {
            simulator.step();
        }
        answer << " " << simulator.interrupt();
    } else if (command == "step") {
        uint64_t count;
        words >> count;
        while (count--) simulator.step();
#ifdef MUTANTS
    } else if (command == "mutant") {
        uint64_t number;
        words >> number;
        simulator.mutant(number);
#endif
    } else if (command == "reset") {
        simulator.reset();
    } else if (command == "memory") {
        uint64_t latency, outstanding, seed;
        double stall;
        words >> latency >> stall >> outstanding >> seed;
        simulator.memory().set(latency, stall, outstanding, seed);
        simulator.stall(stall, seed);
    } else if (command == "fail") {
        uint64_t beat, burst;
        int beat_response, burst_response;
        words >> beat >> beat_response >> burst >> burst_response;
        simulator.memory().fail(beat, beat_response, burst, burst_response);
    } else if (command == "watch") {
        uint64_t master;
        bool once;
        words >> master >> once;
        const auto reads = regions(words), writes = regions(words);
        simulator.memory().watch(master, once, reads, writes);
        if (master == 0) simulator.trace().clear();
    } else if (command == "activity") {
        uint64_t master;
        words >> master;
        answer << " cycle=" << simulator.cycle() << simulator.memory().activity(master);
    } else if (command == "trace") {
        bytes.swap(simulator.trace());
        answer << " " << bytes.size() / Simulator::trace_bytes() << " " << Simulator::trace_bytes();
    } else {
        simulator.memory().broken("unknown command " + command);
    }
    if (!words) simulator.memory().broken("malformed command " + line);
    if (!simulator.memory().good()) {
        std::printf("broken %s\n", simulator.memory().reason().c_str());
    } else {
        std::printf("ok%s\n", answer.str().c_str());
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 1;
    const uint64_t seed = std::strtoull(argv[1], nullptr, 10);
    std::vector<int> trace_bits;
    for (int i = 2; i < argc; i++) trace_bits.push_back(std::atoi(argv[i]));
    auto context = std::make_unique<VerilatedContext>();
    context->randReset(2);
    context->randSeed(static_cast<int>(1 + seed % 0x7FFFFFFE));
    Simulator simulator(context.get(), seed, trace_bits);
    char line[1024];
    while (std::fgets(line, sizeof line, stdin) != nullptr) obey(simulator, line);
#if VM_COVERAGE
    if (const char* file = std::getenv("NMS_COVERAGE_FILE")) context->coveragep()->write(file);
#endif
    return 0;
}
