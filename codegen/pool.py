"""The threads that share the parts of a loop: a small module, compiled when it is first needed.

A job is a function, what it is given, and a number of parts; whoever is free takes the next part.
There is one job at a time: a caller who finds another one under way does all parts of its own by
itself, so that threads of Python's, and callers within a job, do not wait for one another. Workers
look for the next job for some microseconds before they sleep. If several parts fail, the first
counts.
"""

from __future__ import annotations

from .arena import HEAD, STATUS_SLOTS

SHARE_PARTS, PREPARE, STOP = "pullback.share_parts", "pullback.prepare_pool", "pullback.stop_pool"
THREADS = "pullback.threads"
"""An i64: how many threads may share a job."""

MOST_THREADS = 64
LOOKS = 20_000
"""How often one looks, within some ten microseconds, before going to sleep."""


def pool_module(threads: bool) -> str:
    """The module; without ``threads`` callers do all parts by themselves."""
    if not threads:
        return f"{_TYPES}{_ALONE}{_SHARE_ALONE}"
    return f"{_TYPES}{_ALONE}{_STATE}{_WORK}{_WORKER}{_GROW}{_SHARE}{_LIFE}"


_TYPES = f"""\
%status = type [{STATUS_SLOTS} x i64]
%details = type [{HEAD} x i64]
"""

_ALONE = """
define internal i64 @alone(ptr %function, ptr %given, i64 %parts, ptr %status) nounwind {
entry:
  br label %turn
turn:
  %part = phi i64 [ 0, %entry ], [ %next, %fine ]
  %result = call i64 %function(ptr %given, i64 %part, ptr %status)
  %failed = icmp ne i64 %result, 0
  br i1 %failed, label %end, label %fine
fine:
  %next = add i64 %part, 1
  %more = icmp slt i64 %next, %parts
  br i1 %more, label %turn, label %end
end:
  ret i64 %result
}
"""

_SHARE_ALONE = f"""
define i64 @{SHARE_PARTS}(ptr %function, ptr %given, i64 %parts, ptr %status) nounwind {{
entry:
  %result = call i64 @alone(ptr %function, ptr %given, i64 %parts, ptr %status)
  ret i64 %result
}}
"""

# `turn` is held by whose job it is. All other words are changed under `lock`, but for `next`; what
# is looked at without it (`generation`, `running`) is looked at again under it.
_STATE = f"""
@turn = internal global [128 x i8] zeroinitializer, align 16
@lock = internal global [128 x i8] zeroinitializer, align 16
@wake = internal global [128 x i8] zeroinitializer, align 16
@done = internal global [128 x i8] zeroinitializer, align 16
@generation = internal global i64 0, align 64
@running = internal global i64 0, align 64
@next = internal global i64 0, align 64
@open = internal global i64 0, align 64
@stopping = internal global i64 0
@workers = internal global i64 0
@handles = internal global [{MOST_THREADS} x i64] zeroinitializer
@function = internal global ptr null
@given = internal global ptr null
@parts = internal global i64 0
@failed_part = internal global i64 0
@failed_result = internal global i64 0
@failed_details = internal global %details zeroinitializer
@{THREADS} = external global i64

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_trylock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
"""

_WORK = """
define internal void @work() nounwind {
entry:
  %status = alloca %status, align 8
  %function = load ptr, ptr @function, align 8
  %given = load ptr, ptr @given, align 8
  %parts = load i64, ptr @parts, align 8
  br label %look
look:
  %part = atomicrmw add ptr @next, i64 1 monotonic
  %more = icmp slt i64 %part, %parts
  br i1 %more, label %do, label %end
do:
  %result = call i64 %function(ptr %given, i64 %part, ptr %status)
  %failed = icmp ne i64 %result, 0
  br i1 %failed, label %note, label %look
note:
  %l = call i32 @pthread_mutex_lock(ptr @lock)
  %other = load i64, ptr @failed_part, align 8
  %first = icmp slt i64 %part, %other
  br i1 %first, label %keep, label %noted
keep:
  store i64 %part, ptr @failed_part, align 8
  store i64 %result, ptr @failed_result, align 8
  %details = load %details, ptr %status, align 8
  store %details %details, ptr @failed_details, align 8
  br label %noted
noted:
  %u = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look
end:
  ret void
}
"""

# A worker starts with the generation before the job that it is made for.
_WORKER = f"""
define internal ptr @worker(ptr %start) nounwind {{
entry:
  %before = ptrtoint ptr %start to i64
  br label %rest
rest:
  %known = phi i64 [ %before, %entry ], [ %seen, %go.on ]
  br label %look
look:
  %looks = phi i64 [ 0, %rest ], [ %looked, %again ]
  %glance = load atomic i64, ptr @generation monotonic, align 8
  %same = icmp eq i64 %glance, %known
  %looked = add i64 %looks, 1
  %patient = icmp slt i64 %looked, {LOOKS}
  %stay = and i1 %same, %patient
  br i1 %stay, label %again, label %ask
again:
  br label %look
ask:
  %l = call i32 @pthread_mutex_lock(ptr @lock)
  br label %asked
asked:
  %last = phi i64 [ %known, %ask ], [ %last, %sleep ], [ %current, %closed ]
  %stop = load i64, ptr @stopping, align 8
  %stops = icmp ne i64 %stop, 0
  br i1 %stops, label %end, label %new
new:
  %current = load i64, ptr @generation, align 8
  %old = icmp eq i64 %current, %last
  br i1 %old, label %sleep, label %found
sleep:
  %s = call i32 @pthread_cond_wait(ptr @wake, ptr @lock)
  br label %asked
found:
  %open = load i64, ptr @open, align 8
  %taken = icmp sle i64 %open, 0
  br i1 %taken, label %closed, label %take
closed:
  br label %asked
take:
  %left = sub i64 %open, 1
  store i64 %left, ptr @open, align 8
  %running = load i64, ptr @running, align 8
  %more = add i64 %running, 1
  store i64 %more, ptr @running, align 8
  %u = call i32 @pthread_mutex_unlock(ptr @lock)
  call void @work()
  %l2 = call i32 @pthread_mutex_lock(ptr @lock)
  %running2 = load i64, ptr @running, align 8
  %less = sub i64 %running2, 1
  store atomic i64 %less, ptr @running monotonic, align 8
  %none = icmp eq i64 %less, 0
  br i1 %none, label %tell, label %go.on
tell:
  %t = call i32 @pthread_cond_signal(ptr @done)
  br label %go.on
go.on:
  %seen = phi i64 [ %current, %take ], [ %current, %tell ]
  %u2 = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %rest
end:
  %u3 = call i32 @pthread_mutex_unlock(ptr @lock)
  ret ptr null
}}
"""

_GROW = """
define internal i64 @grow(i64 %wanted) nounwind {
entry:
  %generation = load i64, ptr @generation, align 8
  %start = inttoptr i64 %generation to ptr
  br label %look
look:
  %workers = load i64, ptr @workers, align 8
  %fewer = icmp slt i64 %workers, %wanted
  br i1 %fewer, label %make, label %end
make:
  %handle = getelementptr i64, ptr @handles, i64 %workers
  %error = call i32 @pthread_create(ptr %handle, ptr null, ptr @worker, ptr %start)
  %made = icmp eq i32 %error, 0
  br i1 %made, label %count, label %end
count:
  %more = add i64 %workers, 1
  store i64 %more, ptr @workers, align 8
  br label %look
end:
  ret i64 %workers
}
"""

_SHARE = f"""
define i64 @{SHARE_PARTS}(ptr %function, ptr %given, i64 %parts, ptr %status) nounwind {{
entry:
  %allowed = load i64, ptr @{THREADS}, align 8
  %fewer = icmp slt i64 %parts, %allowed
  %threads = select i1 %fewer, i64 %parts, i64 %allowed
  %several = icmp sgt i64 %threads, 1
  br i1 %several, label %try, label %by.oneself
try:
  %busy = call i32 @pthread_mutex_trylock(ptr @turn)
  %free = icmp eq i32 %busy, 0
  br i1 %free, label %ours, label %by.oneself
by.oneself:
  %lone = call i64 @alone(ptr %function, ptr %given, i64 %parts, ptr %status)
  ret i64 %lone
ours:
  %wanted = sub i64 %threads, 1
  %stop = load i64, ptr @stopping, align 8
  %stops = icmp ne i64 %stop, 0
  br i1 %stops, label %give.back, label %make
give.back:
  %g = call i32 @pthread_mutex_unlock(ptr @turn)
  br label %by.oneself
make:
  %workers = call i64 @grow(i64 %wanted)
  %l = call i32 @pthread_mutex_lock(ptr @lock)
  store ptr %function, ptr @function, align 8
  store ptr %given, ptr @given, align 8
  store i64 %parts, ptr @parts, align 8
  store atomic i64 0, ptr @next monotonic, align 8
  store i64 %parts, ptr @failed_part, align 8
  store i64 0, ptr @failed_result, align 8
  store i64 %wanted, ptr @open, align 8
  %generation = load i64, ptr @generation, align 8
  %following = add i64 %generation, 1
  store atomic i64 %following, ptr @generation monotonic, align 8
  %b = call i32 @pthread_cond_broadcast(ptr @wake)
  %u = call i32 @pthread_mutex_unlock(ptr @lock)
  call void @work()
  %l2 = call i32 @pthread_mutex_lock(ptr @lock)
  store i64 0, ptr @open, align 8
  %u2 = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look
look:
  %looks = phi i64 [ 0, %make ], [ %looked, %again ]
  %glance = load atomic i64, ptr @running monotonic, align 8
  %works = icmp ne i64 %glance, 0
  %looked = add i64 %looks, 1
  %patient = icmp slt i64 %looked, {LOOKS}
  %stay = and i1 %works, %patient
  br i1 %stay, label %again, label %ask
again:
  br label %look
ask:
  %l3 = call i32 @pthread_mutex_lock(ptr @lock)
  br label %asked
asked:
  %running = load i64, ptr @running, align 8
  %still = icmp ne i64 %running, 0
  br i1 %still, label %sleep, label %over
sleep:
  %s = call i32 @pthread_cond_wait(ptr @done, ptr @lock)
  br label %asked
over:
  %result = load i64, ptr @failed_result, align 8
  %failed = icmp ne i64 %result, 0
  br i1 %failed, label %tell, label %end
tell:
  %details = load %details, ptr @failed_details, align 8
  store %details %details, ptr %status, align 8
  br label %end
end:
  %u3 = call i32 @pthread_mutex_unlock(ptr @lock)
  %u4 = call i32 @pthread_mutex_unlock(ptr @turn)
  ret i64 %result
}}
"""

# A child process has none of its parent's threads, and locks as they happened to be.
_LIFE = f"""
define void @{PREPARE}() nounwind {{
entry:
  %t = call i32 @pthread_mutex_init(ptr @turn, ptr null)
  %l = call i32 @pthread_mutex_init(ptr @lock, ptr null)
  %w = call i32 @pthread_cond_init(ptr @wake, ptr null)
  %d = call i32 @pthread_cond_init(ptr @done, ptr null)
  store i64 0, ptr @workers, align 8
  store i64 0, ptr @running, align 8
  store i64 0, ptr @open, align 8
  ret void
}}

define void @{STOP}() nounwind {{
entry:
  %t = call i32 @pthread_mutex_lock(ptr @turn)
  %l = call i32 @pthread_mutex_lock(ptr @lock)
  store i64 1, ptr @stopping, align 8
  %b = call i32 @pthread_cond_broadcast(ptr @wake)
  %u = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look
look:
  %workers = load i64, ptr @workers, align 8
  %any = icmp sgt i64 %workers, 0
  br i1 %any, label %join, label %end
join:
  %left = sub i64 %workers, 1
  store i64 %left, ptr @workers, align 8
  %handle = getelementptr i64, ptr @handles, i64 %left
  %number = load i64, ptr %handle, align 8
  %j = call i32 @pthread_join(i64 %number, ptr null)
  br label %look
end:
  %u2 = call i32 @pthread_mutex_unlock(ptr @turn)
  ret void
}}
"""
