# sightline_library(NAME SOURCES ... DEPS ... LIBS ... TESTS ... FUZZ ... [CHANGED] BENCH ...)
#   NAME     the folder below src/, "/" written "_": wire/otlp -> wire_otlp
#   DEPS     our folders it may include (public); script/layers holds includes to STYLE's map
#   LIBS     foreign targets
#   TESTS    Google Test files, one program per folder: <NAME>_test
#   FUZZ     x_fuzz.cc with LLVMFuzzerTestOneInput; the ordinary build replays testdata/fuzz/x/
#   CHANGED  replays those inputs cut short and with bytes changed, too (cmake/fuzz_replay_main.cc)
#   BENCH    Google Benchmark files, one program per folder: <NAME>_bench
include(GoogleTest)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(sightline_flags INTERFACE)
target_compile_features(sightline_flags INTERFACE cxx_std_23)
target_include_directories(sightline_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_include_directories(sightline_flags SYSTEM INTERFACE ${PROTOZERO_INCLUDE_DIR})
target_compile_options(sightline_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these falsely inside the standard library once it inlines.
  target_compile_options(sightline_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict
    -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-pointer -Wno-free-nonheap-object)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's own stable_sort uses what it calls deprecated.
  target_compile_options(sightline_flags INTERFACE -Wno-deprecated-declarations)
endif()

# Standard headers, precompiled once and reused by every target.
file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "")
add_library(sightline_pch STATIC ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(sightline_pch PRIVATE sightline_flags Threads::Threads)
target_precompile_headers(sightline_pch PRIVATE
  <algorithm> <array> <atomic> <chrono> <cmath> <cstdint> <cstring> <expected> <functional> <map>
  <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <tuple> <unordered_map>
  <utility> <variant> <vector>)
target_compile_options(sightline_pch PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

function(sightline_target_defaults target)
  target_link_libraries(${target} PRIVATE sightline_flags)
  target_precompile_headers(${target} REUSE_FROM sightline_pch)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

function(sightline_library name)
  cmake_parse_arguments(ARG "CHANGED" "" "SOURCES;DEPS;LIBS;TESTS;TEST_LIBS;FUZZ;BENCH" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND sightline_)
  set(lib sightline_${name})
  if(ARG_SOURCES)
    add_library(${lib} STATIC ${ARG_SOURCES})
    sightline_target_defaults(${lib})
    target_link_libraries(${lib} PUBLIC sightline_flags ${ARG_DEPS} ${ARG_LIBS} Threads::Threads)
  else()
    add_library(${lib} INTERFACE)
    target_link_libraries(${lib} INTERFACE sightline_flags ${ARG_DEPS} ${ARG_LIBS} Threads::Threads)
  endif()
  if(NOT SIGHTLINE_TESTS)
    return()
  endif()
  if(ARG_TESTS AND NOT SIGHTLINE_FUZZ)
    add_executable(${name}_test ${ARG_TESTS})
    sightline_target_defaults(${name}_test)
    target_link_libraries(${name}_test PRIVATE ${lib} ${ARG_TEST_LIBS} GTest::gtest_main GTest::gmock)
    target_compile_definitions(${name}_test PRIVATE
      SIGHTLINE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SIGHTLINE_TESTDATA="${CMAKE_CURRENT_SOURCE_DIR}/testdata")
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300 ENVIRONMENT "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/lsan.supp")
  endif()
  foreach(source ${ARG_FUZZ})
    get_filename_component(stem ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" corpus ${stem})
    if(SIGHTLINE_FUZZ)
      add_executable(${stem} ${source})
      target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${stem} ${source} ${CMAKE_SOURCE_DIR}/cmake/fuzz_replay_main.cc)
      add_test(NAME ${name}.${stem}_replay
        COMMAND ${stem} $<$<BOOL:${ARG_CHANGED}>:--changed> ${CMAKE_CURRENT_SOURCE_DIR}/testdata/fuzz/${corpus}
        COMMAND_EXPAND_LISTS)
    endif()
    sightline_target_defaults(${stem})
    target_link_libraries(${stem} PRIVATE ${lib})
  endforeach()
  if(ARG_BENCH AND NOT SIGHTLINE_FUZZ)
    add_executable(${name}_bench ${ARG_BENCH})
    sightline_target_defaults(${name}_bench)
    target_link_libraries(${name}_bench PRIVATE ${lib} ${ARG_TEST_LIBS} benchmark::benchmark_main)
  endif()
endfunction()
