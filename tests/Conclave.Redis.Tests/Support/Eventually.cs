using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Conclave.Redis.Tests;

/// <summary>Waits for a condition, with a deadline that only a hang reaches.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        await TrueAsync(() => new ValueTask<bool>(condition()), what);

    public static async Task TrueAsync(Func<ValueTask<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Deadline, $"Not within {Deadline.TotalSeconds} s: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }
    }

    /// <summary>Asks a store until it answers: what it refuses for now is asked again.</summary>
    public static async Task<T> AnswerAsync<T>(Func<ValueTask<T>> ask)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (ConclaveException e) when (e.IsTransient && watch.Elapsed < Deadline)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            }
        }
    }

    /// <summary>The result of a task that must end.</summary>
    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    /// <inheritdoc cref="InTime{T}(Task{T})"/>
    public static Task InTime(this Task task) => task.WaitAsync(Deadline);

    /// <inheritdoc cref="InTime{T}(Task{T})"/>
    public static Task<T> InTime<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Deadline);
}
