namespace Conclave.Testing;

/// <summary>What an object does when one operation follows the other: a register, a counter, a map.</summary>
/// <typeparam name="TState">The state; compared with its own equality.</typeparam>
/// <typeparam name="TOperation">The operations; compared with their own equality.</typeparam>
/// <typeparam name="TResult">The results; compared with their own equality.</typeparam>
public interface ISequentialModel<TState, TOperation, TResult>
    where TState : notnull
{
    /// <summary>The state at the beginning.</summary>
    TState Initial { get; }

    /// <summary>Applies an operation.</summary>
    /// <param name="state">The state before; not to be changed.</param>
    /// <param name="operation">The operation.</param>
    /// <returns>The state after, and what the operation answers.</returns>
    (TState Next, TResult Result) Apply(TState state, TOperation operation);

    /// <summary>Whether an operation changes no state at all: the search is faster when it knows.</summary>
    /// <param name="operation">The operation.</param>
    /// <returns>False where it is not known.</returns>
    bool IsReadOnly(TOperation operation) => false;
}

/// <summary>One operation of a concurrent history.</summary>
/// <param name="Client">Who did it.</param>
/// <param name="Start">When it began, in any numbers that grow.</param>
/// <param name="End">When it ended; an operation that ended before another began precedes it.</param>
/// <param name="Operation">What was done.</param>
/// <param name="Result">What it answered.</param>
/// <param name="IsKnown">False when the outcome is unknown: the operation takes effect once at any time after it began, or never.</param>
/// <typeparam name="TOperation">The operations.</typeparam>
/// <typeparam name="TResult">The results.</typeparam>
public sealed record TimedOperation<TOperation, TResult>(int Client, long Start, long End, TOperation Operation, TResult? Result, bool IsKnown = true);
