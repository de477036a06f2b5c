# facet_module(NAME [DEPENDS module...] [LIBS target...]) declares src/NAME as the static library facet_NAME.
# DEPENDS are the arrows of docs/architecture.md; a file that includes a header of any other module fails
# the configure step. Tests in tests/unit/NAME/*_test.cc become the program test_NAME.
include(GoogleTest)

# Programs that need no whole model: what the sanitizer builds run.
add_custom_target(quick_tests)

function(facet_check_layers module allowed)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/*.h ${CMAKE_SOURCE_DIR}/src/${module}/*.cc)
  foreach(path ${files})
    file(STRINGS ${path} includes REGEX "^#include \"[a-z0-9_]+/")
    foreach(line ${includes})
      string(REGEX REPLACE "^#include \"([a-z0-9_]+)/.*" "\\1" target "${line}")
      if(NOT target IN_LIST allowed AND NOT target STREQUAL module)
        message(FATAL_ERROR "${path}: module '${module}' may not include '${target}' (${line}); see docs/architecture.md, section 1")
      endif()
    endforeach()
  endforeach()
endfunction()

function(facet_module module)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBS" ${ARGN})
  set(allowed ${ARG_DEPENDS})
  foreach(dep ${ARG_DEPENDS})
    list(APPEND allowed ${FACET_ARROWS_${dep}})
  endforeach()
  list(REMOVE_DUPLICATES allowed)
  set(FACET_ARROWS_${module} "${allowed}" PARENT_SCOPE)
  facet_check_layers(${module} "${allowed}")

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/cli/main\\.cc$|/cuda/runtime/")
  if(NOT sources)  # headers only
    add_library(facet_${module} INTERFACE)
    target_include_directories(facet_${module} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    list(TRANSFORM ARG_DEPENDS PREPEND facet_ OUTPUT_VARIABLE libraries)
    target_link_libraries(facet_${module} INTERFACE ${ARG_LIBS} ${libraries})
  else()
    add_library(facet_${module} STATIC ${sources})
    target_include_directories(facet_${module} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    list(TRANSFORM ARG_DEPENDS PREPEND facet_ OUTPUT_VARIABLE libraries)
    target_link_libraries(facet_${module} PUBLIC ${libraries} ${ARG_LIBS} PRIVATE facet_options)
  endif()

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/*_test.cc)
  if(FACET_TESTS AND tests)
    facet_test(test_${module} MODULES ${module} SOURCES ${tests} LABELS unit)
  endif()
endfunction()

# facet_test(NAME MODULES module... SOURCES file...) builds a GoogleTest program and registers its tests.
function(facet_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "MODULES;SOURCES;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE facet_options GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(${name} PRIVATE
    FACET_SOURCE_DIR="${CMAKE_SOURCE_DIR}" FACET_BINARY="$<TARGET_FILE_DIR:${name}>/facet")
  foreach(module ${ARG_MODULES})
    target_link_libraries(${name} PRIVATE facet_${module})
  endforeach()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  if(ARG_LABELS MATCHES "unit|backend")
    add_dependencies(quick_tests ${name})
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# facet_program(NAME SOURCE MODULE module) links the executable.
function(facet_program name source)
  cmake_parse_arguments(ARG "" "MODULE" "" ${ARGN})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE facet_options facet_${ARG_MODULE})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()
